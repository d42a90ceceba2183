"""Watching: meters, probes, health and service levels, read from the one stream of events."""
