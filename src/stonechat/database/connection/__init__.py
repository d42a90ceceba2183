"""Opening connections: one bounded pool, who is served next, time limits, what driver errors mean."""
