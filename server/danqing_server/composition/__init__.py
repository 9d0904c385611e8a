"""The composition root: every resource of a process is made here, passed on, and closed in order."""
