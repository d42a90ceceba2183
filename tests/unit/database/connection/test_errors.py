"""What the drivers' errors mean to us."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from stonechat.core.errors import ConfigError, Transient
from stonechat.database.connection import errors


def failed(orig: Exception, kind: type[DBAPIError] = OperationalError, *, lost: bool = False) -> DBAPIError:
    return kind("SELECT 1", {}, orig, connection_invalidated=lost)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ('FATAL:  password authentication failed for user "u"', "password"),
        ("SSL error: certificate verify failed", "sslrootcert"),
        ('server certificate for "a" does not match host name "b"', "sslrootcert"),
        ("server does not support SSL, but SSL was required", "no TLS"),
        ('no pg_hba.conf entry for host "1.2.3.4", user "u", database "d", no encryption', "sslmode=require"),
        ("FATAL:  Tenant or user not found", "password"),
        ('FATAL:  database "x" does not exist', "postgresql://"),
        ("file is not a database", "sqlite:///"),
    ],
)
def test_an_address_that_can_never_work_is_a_setting_to_mend_with_advice(said: str, advice: str) -> None:
    error = failed(psycopg.OperationalError(f"connection failed: {said}"))
    meaning = errors.on_opening(error)
    assert isinstance(meaning, ConfigError)
    assert advice in meaning.faults[0].expected
    assert not errors.may_be_opened_again(error)


@pytest.mark.parametrize(
    "said",
    [
        "connection refused",
        "FATAL:  the database system is starting up",
        "FATAL:  terminating connection due to administrator command",
        "FATAL:  sorry, too many clients already",
        "ERROR:  no more connections allowed (max_client_conn)",
        "server closed the connection unexpectedly",
    ],
)
def test_a_server_that_may_come_back_is_waited_for_and_asked_again(said: str) -> None:
    error = failed(psycopg.OperationalError(said))
    assert isinstance(errors.on_opening(error), Transient)
    assert errors.may_be_opened_again(error)


@pytest.mark.parametrize(
    "orig",
    [
        psycopg.errors.DeadlockDetected("deadlock detected"),
        psycopg.errors.SerializationFailure("could not serialize access"),
        psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"),
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        sqlite3.OperationalError("database is locked"),
        sqlite3.OperationalError("disk I/O error"),
    ],
)
def test_what_the_database_undid_may_be_tried_again(orig: Exception) -> None:
    assert errors.is_passing(failed(orig))


def test_a_lock_that_was_waited_for_is_not_asked_for_again_at_once() -> None:
    assert not errors.may_be_opened_again(failed(sqlite3.OperationalError("database is locked")))


@pytest.mark.parametrize(
    "error",
    [
        failed(sqlite3.OperationalError("no such table: x")),
        failed(sqlite3.OperationalError('near "SELEC": syntax error')),
        failed(sqlite3.IntegrityError("UNIQUE constraint failed"), IntegrityError),
    ],
)
def test_a_wrong_statement_is_our_bug(error: DBAPIError) -> None:
    assert not errors.is_passing(error)
    assert errors.on_opening(error) is error


def test_a_lost_commit_is_told_apart_from_work_that_was_undone() -> None:
    lost = failed(psycopg.OperationalError("server closed the connection"), lost=True)
    assert isinstance(errors.unheard(lost), errors.CommitUnheard)
    assert not isinstance(errors.transient(lost), errors.CommitUnheard)
    assert "may or may not" in errors.unheard(lost).meaning


@pytest.mark.parametrize(
    ("orig", "slow"),
    [
        (psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"), True),
        (psycopg.errors.QueryCanceled("canceling statement due to statement timeout"), True),
        (sqlite3.OperationalError("database is locked"), True),
        (psycopg.errors.DeadlockDetected("deadlock detected"), False),
        (psycopg.OperationalError("server closed the connection unexpectedly"), False),
    ],
)
def test_a_database_that_is_slow_is_told_from_one_that_is_away(orig: Exception, slow: bool) -> None:
    assert errors.was_slow(failed(orig)) is slow
