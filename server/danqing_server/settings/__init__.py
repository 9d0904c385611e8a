"""What can be set: how a setting is declared, and the server's own."""
