"""Wrong settings as people paste them: each ends in a sentence, never in a traceback, and shows no secret."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st
from typer.testing import CliRunner

from stonechat.cache.redis_cache import RedisCache
from stonechat.cli.main import app
from stonechat.config import loader
from stonechat.config.addresses import parse_database, parse_http, parse_redis
from stonechat.config.loader import known_names
from stonechat.config.settings import CacheSettings, DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import ConfigError
from stonechat.database.connection.connections import engine_for
from stonechat.jobs.execution.connection_pool import PatientPool
from stonechat.startup.preflight import settings_faults
from tests.support.networks import KNOWN
from tests.support.settings import GOOD

SECRET = "Zq7wXk9v"
"""Stands in every secret, whole; no part of it may be repeated."""

REST = "Hj4tPn8m"
"""The rest of a secret behind the sign that was not escaped."""


def secret(sign: str) -> str:
    return f"{SECRET}{sign}{REST}"


DATABASE, REDIS = "DATABASE_URL", "REDIS_URL"

WRONG: list[tuple[str, str, str]] = [
    # name, value, what the sentence must say
    *[
        (name, f"{scheme}://bot:{secret(sign)}@host:{port}/1", f"write {escape} for")
        for name, scheme, port in ((DATABASE, "postgresql", 5432), (REDIS, "redis", 6379))
        for sign, escape in {
            "@": "%40",
            "#": "%23",
            "/": "%2F",
            "?": "%3F",
            "[": "%5B",
            "]": "%5D",
            "%": "%25",
            " ": "%20",
        }.items()
    ],
    (DATABASE, f"postgres://bot:12?{REST}@host/db", "write %3F for"),
    (DATABASE, f"postgres://bot:{SECRET}@{REST}/x@host/db?a=b", "write %40 for @, %2F for /"),
    (DATABASE, f"postgres://bot:{SECRET}@{REST}?name={REST}@host/db", "%3F for ?"),
    ("JOBS_DATABASE_URL", f"postgres://bot:{secret('@')}@host/db", "write %40 for"),
    (DATABASE, f"postgres://bot:{SECRET}/db", "the port is not a number"),
    (DATABASE, f"postgres://bot:{SECRET}@host:54x32/db", "the port is not a number"),
    (DATABASE, f"postgres://bot:{SECRET}@host:99999/db", "the port is not a number"),
    (DATABASE, f"postgres://bot:{SECRET}@host..name/db", "no name of a host"),
    (DATABASE, f"postgres://bot:{SECRET}@/db", "names no host"),
    (DATABASE, f"postgres://bot:{SECRET}@one:5432,two:5432/db", "several hosts"),
    (DATABASE, f"postgres://bot:{SECRET}@host/db?pgbouncer=true", "pgbouncer is no part"),
    (DATABASE, f"postgres://bot:{SECRET}@host/db?schema=public", "schema is no part"),
    (DATABASE, f"postgres://bot:{SECRET}@host/db?ssl=true", "write sslmode=require"),
    (DATABASE, f"postgres://bot:{SECRET}@host/db?connection_limit=1", "DATABASE_POOL_SIZE"),
    (DATABASE, f"postgres://bot:{SECRET}@host/db?sslmod=require", "did you mean sslmode?"),
    (DATABASE, f"postgres://bot:{SECRET}@host/db?sslmode=no-verify", "sslmode is none of"),
    (DATABASE, f"postgres://bot:{SECRET}@host/db?sslmode=", "gives sslmode no value"),
    (DATABASE, f"postgres://bot:{SECRET}@host/db?sslmode=require&sslmode=allow", "names sslmode twice"),
    (DATABASE, f"postgres://host/db?user=bot&password={SECRET}", "write it before the host"),
    (DATABASE, f"postgres://bot:{SECRET}@host/db#main", "write %23"),
    (
        DATABASE,
        "postgresql://postgres.abc:[YOUR-PASSWORD]@aws-0.pooler.supabase.com:6543/postgres",
        "placeholder",
    ),
    (DATABASE, "postgresql://postgres:%5BYOUR-PASSWORD%5D@db.abc.supabase.co/postgres", "placeholder"),
    (DATABASE, "postgresql://user:<password>@host/db", "placeholder"),
    (DATABASE, "postgresql://user:********@ep-x.neon.tech/db", "placeholder"),
    (DATABASE, "${{Postgres.DATABASE_URL}}", "reference"),
    (DATABASE, "$DATABASE_URL", "reference"),
    (DATABASE, f"prisma+postgres://accelerate.prisma-data.net/?api_key={SECRET}", "the direct one"),
    (DATABASE, f"jdbc:postgresql://host/db?user=bot&password={SECRET}", "leave out jdbc:"),
    (DATABASE, f"host=h user=bot password={SECRET}", "a list of name=value"),
    (DATABASE, f"mysql://bot:{SECRET}@host/db", "another database"),
    (DATABASE, f"https://bot:{SECRET}@host/db", "one of HTTP"),
    (DATABASE, "file:./dev.db", "three /"),
    (DATABASE, "sqlite:stonechat.db", "three /"),
    (DATABASE, "sqlite://stonechat.db", "three /"),
    (DATABASE, "sqlite:///:memory:", "a path, and nothing behind it"),
    (DATABASE, f'"postgresql://bot:{SECRET}@host/db"', "quotation marks"),
    (DATABASE, f"'postgresql://bot:{SECRET}@host/db'", "quotation marks"),
    (DATABASE, f"\u201cpostgresql://bot:{SECRET}@host/db\u201d", "quotation marks"),
    (DATABASE, f"postgresql://bot:{SECRET}@host/db\r\nREDIS_URL=x", "line end"),
    (REDIS, f"redis://:{SECRET}@host/notanumber", "not the number of a database"),
    (REDIS, f"redis://:{SECRET}@host/0/1", "not the number of a database"),
    (REDIS, f"redis://:{SECRET}@host?db=one", "db is not a whole number"),
    (REDIS, f"redis://:{SECRET}@host/0?ssl=true", "write rediss://"),
    (REDIS, f"redis://:{SECRET}@host/0?ssl_cert_reqs=none", "write rediss://"),
    (REDIS, f"rediss://:{SECRET}@host/0?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs is none of"),
    (REDIS, f"redis://:{SECRET}@host/0?max_connections=5", "REDIS_POOL_SIZE"),
    (REDIS, f"redis://:{SECRET}@host/0?{REST}", "not name=value"),
    (REDIS, f"redis://:{SECRET}@one,two", "several hosts"),
    (REDIS, f"https://:{SECRET}@x.upstash.io", "one of HTTP"),
    (REDIS, f"redis-cli --tls -u redis://default:{SECRET}@host:6379", "not a Redis address"),
    (REDIS, f"unix://bot:{SECRET}@", "names no socket"),
    ("OPENAI_BASE_URL", f"https://bot:{secret('@')}@host/v1", "write %40 for"),
    ("OPENAI_BASE_URL", f"https://bot:{secret('/')}@host/v1", "write %2F for"),
    ("OPENAI_BASE_URL", "https://exa mple.com/v1", "no name of a host"),
    ("OPENAI_BASE_URL", "api.openai.com/v1", "not an http address"),
    ("OPENAI_BASE_URL", "https://[::1/v1", "the host is none"),
    ("ALERT_WEBHOOK_URL", f"https://host/hook#{SECRET}", "write %23"),
    ("HEARTBEAT_URL", "http://a..b/x", "no name of a host"),
    ("OPENAI_API_KEY", f'"{SECRET}"', "quotation marks"),
    ("OPENAI_API_KEY", f"{SECRET}\u2026", "printable ASCII"),
    ("OPENAI_MODEL", '"gpt-4o-mini"', "quotation marks"),
    ("OPENAI_FALLBACK_MODELS", '"one,two"', "holds a comma"),
    ("MODE", "'live'", "quotation marks"),
    ("DASHBOARD_PASSWORD", f"'{SECRET}'", "quotation marks"),
    ("ALERT_URLS", f'"tgram://{SECRET}/1,mailto://bot:{SECRET}@host"', "as a whole"),
    ("ALERT_URLS", f'["tgram://{SECRET}/1"', "not a list in TOML"),
    ("SESSION_KEY", f"'{SECRET}'", "quotation marks"),
    ("VOICE_FILE", "~nobody-of-this-name/voice.toml", "no such home folder"),
    ("PORT", f"postgres://bot:{SECRET}@host", "valid integer"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, and an environment that holds no setting."""
    monkeypatch.chdir(tmp_path)
    for name in known_names(KNOWN):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def said(*words: str, **environment: str) -> tuple[int, str]:
    """What a command says, and its exit code; what is no exit is raised."""
    run = CliRunner().invoke(app, words, env=environment)
    if run.exception is not None and not isinstance(run.exception, SystemExit):
        raise run.exception
    return run.exit_code, run.output


def shows_nothing(text: str) -> bool:
    pieces = [whole[start : start + 4] for whole in (SECRET, REST) for start in range(len(whole) - 3)]
    return not any(piece in text for piece in pieces)


def test_the_table_is_long_enough() -> None:
    assert len(WRONG) >= 60


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_doctor_says_what_is_wrong_and_repeats_no_secret(
    folder: Path, caplog: pytest.LogCaptureFixture, name: str, value: str, sentence: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        code, text = said("doctor", **{**GOOD, name: value})
    assert code == 78
    assert name in text
    assert sentence in text
    assert shows_nothing(text + caplog.text)


@pytest.mark.parametrize(
    "command",
    [("run",), ("worker",), ("doctor", "--json"), ("queue",), ("backup", "x.gz"), ("export",)],
    ids=" ".join,
)
@pytest.mark.parametrize("value", [one[1] for one in WRONG if one[0] == DATABASE][::6])
def test_every_command_does(folder: Path, command: tuple[str, ...], value: str) -> None:
    code, text = said(*command, **{**GOOD, DATABASE: value})
    assert code == 78
    assert DATABASE in text
    assert shows_nothing(text)


def test_an_address_in_a_command_is_held_to_the_same(folder: Path) -> None:
    code, text = said("db", "move", "--to", f"postgres://bot:{secret('@')}@host/db", **GOOD)
    assert (code, "write %40 for @" in text) == (78, True)
    assert shows_nothing(text)


UNDERSTOOD = {
    # Heroku, Render, Fly, Railway, Neon, Supabase, and what libraries make of them
    "postgres://u:p@ec2-1.compute.amazonaws.com:5432/d1": "postgresql://u:p@ec2-1.compute.amazonaws.com:5432/d1",
    "postgresql://u:p@dpg-abc-a/db": "postgresql://u:p@dpg-abc-a/db",
    "postgres://u:p@name.flycast:5432/db?sslmode=disable": "postgresql://u:p@name.flycast:5432/db?sslmode=disable",
    "postgresql://u:p@ep-a-pooler.eu.neon.tech/db?sslmode=require&channel_binding=require": (
        "postgresql://u:p@ep-a-pooler.eu.neon.tech/db?sslmode=require&channel_binding=require"
    ),
    "psql 'postgresql://u:p@ep-a.neon.tech/db?sslmode=require'": "postgresql://u:p@ep-a.neon.tech/db?sslmode=require",
    "postgresql://postgres.ref:p%40ss@aws-0.pooler.supabase.com:6543/postgres": (
        "postgresql://postgres.ref:p%40ss@aws-0.pooler.supabase.com:6543/postgres"
    ),
    "postgresql+asyncpg://u:p@h/db": "postgresql://u:p@h/db",
    "postgresql+psycopg2://u:p@h/db": "postgresql://u:p@h/db",
    "POSTGRES://u:p@h/db": "postgresql://u:p@h/db",
    "postgresql://u:p@[::1]:5432/db": "postgresql://u:p@[::1]:5432/db",
    "postgresql://u:p:q@h/db": "postgresql://u:p:q@h/db",
    "postgresql://u:p@h/db?options=endpoint%3Dep-a": "postgresql://u:p@h/db?options=endpoint%3Dep-a",
    "postgresql://u:p@/db?host=/cloudsql/a:b:c": "postgresql://u:p@/db?host=/cloudsql/a:b:c",
    "postgresql://u:p@%2Fvar%2FRun:5433/db": "postgresql://u:p@/db?host=%2Fvar%2FRun&port=5433",
    "sqlite+aiosqlite:////srv/x.db": "sqlite:////srv/x.db",
}


@pytest.mark.parametrize(("pasted", "taken"), UNDERSTOOD.items())
def test_what_hosting_services_print_is_understood(pasted: str, taken: str) -> None:
    assert parse_database(pasted) == taken
    assert parse_database(taken) == taken


def test_a_socket_is_one_for_the_driver_too() -> None:
    engine = engine_for(parse_database("postgresql://u@%2Fvar%2Frun/db"), DatabaseSettings(), SystemClock())
    _, asked = engine.dialect.create_connect_args(engine.url)
    assert (asked["host"], asked["dbname"]) == ("/var/run", "db")


@pytest.mark.parametrize(
    "address",
    [
        "redis://h",
        "redis://h:6379/15",
        "rediss://u:p@h:6380/0?ssl_cert_reqs=none",
        "valkey://h/1",
        "unix:///tmp/r.sock?db=2",
        "redis://[::1]:6379/0",
    ],
)
def test_addresses_of_redis_as_they_are_written(address: str) -> None:
    RedisCache(parse_redis(address), CacheSettings(), SystemClock())


NASTY = st.one_of(
    st.sampled_from(
        ["", " ", '"', "''", '""', "[", "[]", "[1]", "{}", "\ufeff", "~", "~x", "NaN", "-1", "1e999"]
    ),
    st.sampled_from(["true", "None", "0", "9" * 5000, "\u0660", "${X}", "=", "%", "%00", "\ud800", "a\tb"]),
    st.sampled_from([value for _, value, _ in WRONG]),
    st.text(max_size=40),
    st.builds(
        lambda scheme, body: f"{scheme}://{body}",
        st.sampled_from(
            ["postgresql", "redis", "rediss", "unix", "https", "sqlite", "sqlite:/", "tgram", "file"]
        ),
        st.text("ab1@:/?#[]%&=., \\\"'<>{}$\u00e4\u20ac\u0130\n", max_size=24),
    ),
)


@pytest.mark.parametrize("name", sorted(known_names(KNOWN)))
@how(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=NASTY)
@example(value=f"x://u:{secret('@')}@h")
def test_every_setting_takes_or_names_whatever_it_is_given(tmp_path: Path, name: str, value: str) -> None:
    try:
        loaded = loader.load({**GOOD, name: value}, KNOWN, folder=tmp_path)
    except ConfigError as refusal:
        shown = [f"{check.name} {check.found} {check.fix}" for check in settings_faults(refusal)]
        assert shown
        assert shows_nothing(" ".join(shown))
    else:
        assert loaded.startup.mode is not None


ADDRESS = st.builds(
    lambda scheme, body: f"{scheme}://{body}",
    st.sampled_from(["postgresql", "postgres", "redis", "rediss", "unix", "https", "http", "sqlite"]),
    st.text("ab1@:/?#[]%&=., \\\"'<>{}$_-\u00e4\u20ac\u0130", max_size=30),
)


@how(max_examples=500, deadline=None)
@given(address=ADDRESS)
@example(address="postgresql://h/db?port=x")
@example(address="postgresql://h/db?connect_timeout=x")
@example(address="postgresql://h/db?keepalives=x")
@example(address="rediss://h/0?ssl_ca_certs=x")
def test_an_address_that_is_taken_is_one_for_its_library(address: str) -> None:
    """So that nothing fails later, in the words of a library, which repeat the address."""
    taken: dict[Any, Any] = {}
    for parse in (parse_database, parse_redis, parse_http):
        try:
            taken[parse] = parse(address)
        except ValueError as exc:
            assert str(exc)
    if parse_database in taken and taken[parse_database].startswith("postgresql"):
        engine_for(taken[parse_database], DatabaseSettings(), SystemClock())
        PatientPool(taken[parse_database])
    if parse_redis in taken:
        RedisCache(taken[parse_redis], CacheSettings(), SystemClock())
    if parse_http in taken:
        import httpx  # noqa: PLC0415

        httpx.URL(taken[parse_http])


def test_the_environment_of_this_test_is_left_alone() -> None:
    assert SECRET not in str(os.environ)
