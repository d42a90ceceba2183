"""Layer 3: plans, writes and reviews what the account says, within a budget and with a reserve."""
