"""A serving process: `python -m danqing_server.serving --fd N`, N being the listening socket it inherits."""
