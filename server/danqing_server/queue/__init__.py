"""Redis, the dispatcher: the only package that knows redis. All of it may vanish; it is rebuilt from MongoDB."""
