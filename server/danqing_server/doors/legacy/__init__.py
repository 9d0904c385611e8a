"""The words of the server this one replaces: one picture at a time, and users."""
