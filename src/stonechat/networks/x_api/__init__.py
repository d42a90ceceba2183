"""X through its official API, version 2: allowed, paid for by the call."""
