"""X through its own web page: what a browser with the owner's session sees and does."""
