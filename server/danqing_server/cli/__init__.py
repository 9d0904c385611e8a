"""The command `danqing`."""

from danqing_server.cli.commands import main

__all__ = ["main"]
