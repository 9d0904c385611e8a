"""Every image service that speaks OpenAI's Images API, more or less: the differences are data (`presets/`)."""
