"""The engine and its pool: who gets a connection next, for how long, and what a driver's error means.

Others use ``Database`` (re-exported by ``stonechat.database``). ``database`` opens transactions; ``permits``
and ``admission`` decide who gets a connection; ``connections`` makes them and bounds every statement;
``latency`` measures them; ``errors`` translates; ``text_sanitizing`` replaces what PostgreSQL cannot store.
"""
