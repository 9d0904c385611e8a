"""What happens to a task, in one place: what was paid, what follows a failure, and who is told."""
