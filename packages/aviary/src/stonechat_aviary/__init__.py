"""A local social network on loopback: a real HTTP site, a simulated audience, a ledger and a model endpoint.

It imports nothing of the rest of Stonechat, so that what it says about a run (its ledger, its counts)
is independent evidence. Start it with ``python -m stonechat_aviary`` or, in a test, with
:func:`stonechat_aviary.opening.open_aviary`.
"""
