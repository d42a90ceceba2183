"""Rules over events and meters, incidents, and their delivery to the owner."""
