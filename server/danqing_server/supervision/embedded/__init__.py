"""The real MongoDB and Redis that run beside the server when no others are named."""
