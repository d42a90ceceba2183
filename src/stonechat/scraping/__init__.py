"""Layer 8: the metrics of our own posts, many from one page; empty or shrunken data is never a metric."""
