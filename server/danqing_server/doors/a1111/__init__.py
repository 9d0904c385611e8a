"""The door for programs that speak to the web UI of AUTOMATIC1111: Open WebUI, SillyTavern and others."""
