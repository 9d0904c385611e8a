"""The door for clients of OpenAI's Images API."""
