"""Benches: ratios measured side by side in one run. Never shipped; run from a checkout."""
