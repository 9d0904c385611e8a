"""即梦 (Volcengine Visual) as it answers on the wire."""
