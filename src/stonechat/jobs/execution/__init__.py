"""Executing runs: durable steps, outcomes, and the takeover of runs whose process died."""
