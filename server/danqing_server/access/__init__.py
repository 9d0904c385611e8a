"""Who asks and what they may touch: callers, API keys, and a brake on guessing them."""
