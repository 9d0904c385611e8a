"""The providers that ship with danqing; each is a plugin like any other."""
