"""即梦 (Volcengine Visual) as a provider: its asynchronous actions."""
