"""Pictures over the whole project: lists, stars, archives, and one deleted alone."""
