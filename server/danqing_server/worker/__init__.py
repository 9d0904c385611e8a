"""Carrying a task out: the `run` a provider is given, and what is written before, during and after."""
