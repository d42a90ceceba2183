"""Layer 9: finds posts worth a reply, and accounts worth watching."""
