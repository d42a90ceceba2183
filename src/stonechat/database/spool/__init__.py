"""What could not be stored in the database yet: kept on disk, stored once, later."""
