"""An example plugin for danqing."""
