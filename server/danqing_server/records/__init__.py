"""What the server keeps, as values: tasks and their calls, lanes, routes, projects, keys, books. All are frozen."""
