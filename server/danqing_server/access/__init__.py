"""Who asks: API keys, and a brake on guessing them."""
