"""Settings: one frozen section a layer, and the only place that reads the environment and files."""
