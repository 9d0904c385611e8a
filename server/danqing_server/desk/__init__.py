"""What a client may ask for: a task that is safe, where it stands, its cancellation, retry and end."""
