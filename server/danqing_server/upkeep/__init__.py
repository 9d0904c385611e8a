"""What operators do with the stored pictures: prove them, find what nobody names, move them, show what is left."""
