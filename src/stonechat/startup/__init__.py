"""Layer 1: preflight, boot in order with every step timed, wiring, and an orderly end."""
