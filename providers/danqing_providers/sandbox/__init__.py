"""The sandbox: local simulators of image services, each in its own dialect."""
