"""The Ark dialect: Volcengine Ark as it answers on the wire."""
