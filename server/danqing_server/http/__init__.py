"""The transport: connections, what is let in, how bodies come and answers go. The doors stand on it."""
