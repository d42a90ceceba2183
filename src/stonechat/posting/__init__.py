"""Layer 4: what is due passes one gate, is published once, and is looked up where the outcome is unclear."""
