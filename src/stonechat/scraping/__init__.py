"""Layer 8: reads the metrics of our own posts and replies and appends them as snapshots."""
