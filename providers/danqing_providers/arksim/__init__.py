"""A local simulator of Volcengine Ark's image API; run it with `python -m danqing_providers.arksim`."""
