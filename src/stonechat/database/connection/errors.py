"""Translates the drivers' errors: worth another try, never going to work, or a bug of ours."""

from __future__ import annotations

import sqlite3

from sqlalchemy import ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from stonechat.core.errors import ConfigError, ConfigFault, Permanent, Transient

EXPECTED = "postgresql://user:password@host:5432/name or sqlite:///path/to/file.db"

_BUGS = ("no such table", "no such column", "syntax error", "has no column", "near ")
"""How SQLite words a statement that is wrong, under the same exception as a disk that is full."""

_REMEDIES = (
    (
        ("certificate", "does not match host name", "signature failure"),
        "The server is not the one that its certificate names, or the certificate in sslrootcert did not "
        "sign it. Give the server's own root: …?sslmode=verify-full&sslrootcert=/path/to/root.crt",
    ),
    (
        ("no encryption", "SSL required"),
        "The server takes encrypted connections only: …?sslmode=require, or better verify-full.",
    ),
    (
        ("does not support SSL",),
        "The server speaks no TLS. Leave sslmode out of the address, if the way to it is private.",
    ),
    (
        ("password authentication", "no password", "authentication failed", "Tenant or user not found"),
        "The user or the password in the address is not the server's.",
    ),
)
"""What to do about a fault, by what the server or the driver says of it."""

_HOPELESS = (
    *(sign for signs, _ in _REMEDIES for sign in signs),
    "does not exist",
    "invalid port",
    "invalid sslmode",
    "file is not a database",
    "unable to open database file",
    "invalid connection option",
    "readonly database",
    "no such database",
)
"""What no waiting mends, as SQLite, PostgreSQL, libpq and PgBouncer word it."""

_DAMAGED = ("malformed", "file is not a database", "Could not decode to UTF-8")
"""How SQLite and its driver word a file whose bytes are not those that were written."""

_ROLLED_BACK = frozenset({"40001", "40P01", "55P03", "57014"})
"""PostgreSQL undid the work and the connection is sound: a conflict, a deadlock, a lock or statement time-out
(https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_TOO_LONG = frozenset({"55P03", "57014"})
"""Of these: the time-outs."""

_ELSEWHERE = frozenset({"25006", "XX000"})
"""The server takes no writes (it was replaced, or its disk is full), or a pooler has no place for us: under
SQLAlchemy's "internal error", like a statement that is wrong. A new connection may find another one."""


def turn_away(context: ExceptionContext) -> None:
    """SQLAlchemy's ``handle_error`` hook: treat such an error as a lost server, with all connections."""
    if getattr(context.original_exception, "sqlstate", None) in _ELSEWHERE:
        context.is_disconnect = True


class CommitUnheard(Transient):
    """The connection broke while the database was committing: the work may or may not have been done."""


def is_passing(exc: DBAPIError) -> bool:
    """Whether the cause lies outside us and may go away: the server, the network, a lock, the disk."""
    if is_damaged(exc):
        return False
    if exc.connection_invalidated or isinstance(exc, InterfaceError):
        return True
    if getattr(exc.orig, "sqlstate", None) in _ROLLED_BACK:
        return True
    return isinstance(exc, OperationalError) and not str(exc.orig).startswith(_BUGS)


def is_damaged(exc: DBAPIError) -> bool:
    """Whether the file of SQLite holds other bytes than were written."""
    return isinstance(exc.orig, sqlite3.Error) and any(sign in str(exc.orig) for sign in _DAMAGED)


def may_be_opened_again(exc: Exception) -> bool:
    """Whether asking for a connection once more, at once, may help: nothing was done on it yet.

    A connection that broke while nobody used it, a server that is just starting or handing over. Not: a lock
    that was waited for already, an address that can never work.
    """
    if not isinstance(exc, DBAPIError) or not is_passing(exc):
        return False
    said = str(exc.orig)
    return "database is locked" not in said and not _is_hopeless(said)


def was_slow(exc: DBAPIError) -> bool:
    """Whether the database itself says that something took too long: a statement, or the wait for a lock."""
    return getattr(exc.orig, "sqlstate", None) in _TOO_LONG or "database is locked" in str(exc.orig)


def kind_of(exc: DBAPIError, *, connected: bool) -> str:
    """For meters: ``connection``, ``slow`` (a time-out or a lock), ``conflict`` (a key that is there already)
    or ``statement`` (what was asked is wrong, or the schema is)."""
    if not connected or exc.connection_invalidated or isinstance(exc, InterfaceError):
        return "connection"
    if was_slow(exc):
        return "slow"
    if isinstance(exc, IntegrityError):
        return "conflict"
    return "connection" if is_passing(exc) else "statement"


def is_locked(exc: sqlite3.Error) -> bool:
    """Whether another connection has the file of SQLite now."""
    return exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def transient(exc: DBAPIError) -> Transient:
    """The ``Transient`` error for a passing fault."""
    return Transient(
        f"The database did not do what was asked: {reason(exc)}.",
        meaning="The work was rolled back and is tried again; nothing is lost.",
        remedy=_remedy(reason(exc)) or "Check that the server runs and that DATABASE_URL is right.",
    )


def damaged(exc: DBAPIError | UnicodeDecodeError) -> Permanent:
    """The file is not what was written; nothing mends that but a backup.

    Where a name in its schema is no text, the driver cannot even say so, and fails to read its own error.
    """
    said = reason(exc) if isinstance(exc, DBAPIError) else "what should be text is none"
    return Permanent(
        f"The file of the database is damaged: {said}.",
        meaning="What is in it can no longer be relied on; nothing is posted from it.",
        remedy="Stop Stonechat, keep a copy of the file, and restore a backup: stonechat restore --replace "
        "FILE. Look at the disk too.",
    )


def unheard(exc: DBAPIError) -> CommitUnheard:
    """A commit whose answer was lost. Rows have stable keys and states are compared before they are set."""
    return CommitUnheard(
        f"The connection broke while the database was committing: {reason(exc)}.",
        meaning="What was written may or may not be there; it is written again under the same key.",
        remedy="Check that the server runs and that DATABASE_URL is right.",
    )


def unanswered(seconds: float) -> Transient:
    """The server took a statement and said nothing, not even that it took too long."""
    return Transient(
        f"The database gave no answer for {seconds:.0f} s; the connection was cut.",
        meaning="The work was rolled back and is tried again; nothing is lost.",
        remedy="The server hangs, or the way to it swallows packets. Check the server and the network.",
    )


def read_only() -> Transient:
    """The server answers, and takes no writes."""
    return Transient(
        "The database is read-only.",
        meaning="Nothing can be stored; work waits and goes on by itself.",
        remedy="The address leads to a replica, or the server has gone read-only (often: its disk is full).",
    )


def stopped(seconds: float) -> Transient:
    """A statement ran for too long, and we stopped it."""
    return Transient(
        f"A statement ran for more than {seconds:g} s and was stopped.",
        meaning="The work was rolled back and is tried again; nothing is lost.",
        remedy="Raise DATABASE_STATEMENT_TIMEOUT if this recurs.",
    )


def on_opening(exc: DBAPIError) -> Exception:
    """What a fault of the first connection means: a setting to mend, or a server to wait for."""
    said = reason(exc)
    if _is_hopeless(said):
        return unusable(said)
    if is_damaged(exc):
        return damaged(exc)
    return transient(exc) if is_passing(exc) else exc


def unusable(why: str) -> ConfigError:
    """The address can never work."""
    return ConfigError((ConfigFault("DATABASE_URL", f"cannot be used: {why}", _remedy(why) or EXPECTED),))


def reason(exc: DBAPIError) -> str:
    """The first telling line of what the driver said."""
    if exc.orig is None:
        return type(exc).__name__
    lines = [line.strip() for line in str(exc.orig).splitlines() if line.strip()]
    first = lines[0] if lines else type(exc.orig).__name__
    telling = next((line for line in lines if any(sign in line for sign in _HOPELESS)), first)
    return telling.rstrip(".")


def _is_hopeless(said: str) -> bool:
    return any(sign in said for sign in _HOPELESS)


def _remedy(said: str) -> str:
    return next((remedy for signs, remedy in _REMEDIES if any(sign in said for sign in signs)), "")
