"""The Volcengine provider: Seedream pictures from Ark, or from its simulator when there is no key."""
