"""Kinds of failed calls to Redis, for meters; told apart by what the driver raised."""

from __future__ import annotations


def kind_of(error: BaseException) -> str:
    """``connection``, ``slow`` (no answer in time) or ``refused`` (the server said no)."""
    cause = error.__cause__ or error
    if isinstance(cause, TimeoutError) or "timeout" in type(cause).__name__.casefold():
        return "slow"
    if isinstance(cause, OSError) or "connection" in type(cause).__name__.casefold():
        return "connection"
    return "refused"
