"""When runs are asked for, and whether jobs do their work."""
