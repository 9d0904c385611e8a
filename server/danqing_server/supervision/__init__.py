"""`danqing serve`: the processes it starts, watches and stops. Imports neither Sanic nor a database driver."""
