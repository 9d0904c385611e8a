"""OpenAI's Images API and services that are like it, as dialects of the sandbox."""
