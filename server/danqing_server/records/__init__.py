"""What the server keeps, as frozen values: tasks and their calls, batches, lanes, routes, projects, keys, books."""
