"""Basic types: tasks, one by one and as a table."""
