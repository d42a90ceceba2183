"""What is watched, in one place: every meter, every health check and every alert rule, by layer."""
