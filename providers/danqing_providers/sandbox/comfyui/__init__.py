"""A ComfyUI server as it answers on the wire."""
