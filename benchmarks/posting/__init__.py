"""``stonechat bench posting``: the whole system against a bare script, a queue that is due at once, posts
that are due one by one, and what comes back after a kill.

Measured from outside: the local network's ledger says what is live and when; the processes are watched by
another process. The system under test is a process of its own (:mod:`.system`).
"""
