"""Our own words: tasks, their pictures, the queue, the providers, and how the server is."""
