"""The installed plugins: found, made, and asked."""
