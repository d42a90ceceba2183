"""Types of settings and how each is parsed: durations, addresses, lists, prices, keys.

A parser raises ``ValueError`` with words that follow the setting's name, and repeats nothing of a value that
may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import SplitResult, parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, SecretStr

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DEAREST = 1_000_000
_LONGEST = 100 * 365 * 86400.0
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*$")

_SHORTEST_PASSWORD = 8
_ARGON2 = re.compile(r"\$argon2(?:id|i|d)\$v=\d+\$m=(\d{1,9}),t=(\d{1,6}),p=(\d{1,6})\$[\w+/]+\$[\w+/]+$")
_MOST_KIB, _MOST_ROUNDS, _MOST_LANES = 1024 * 1024, 20, 16
_LIBPQ = """
host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout client_encoding
options application_name fallback_application_name keepalives keepalives_idle keepalives_interval
keepalives_count tcp_user_timeout gssencmode sslmode sslnegotiation sslcompression sslcert sslkey sslpassword
sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version ssl_max_protocol_version
krbsrvname gsslib gssdelegation service target_session_attrs load_balance_hosts
"""
"""Key words of a connection, PostgreSQL 17, 32.1.2."""
_REDIS = """
db username password protocol client_name health_check_interval socket_timeout socket_connect_timeout
socket_keepalive retry_on_timeout ssl_cert_reqs ssl_ca_certs ssl_ca_path ssl_certfile ssl_keyfile
ssl_check_hostname ssl_min_version
"""
"""What redis-py takes from an address."""


def parse_duration(value: Any) -> Any:
    """``90``, ``"90s"``, ``"5m"``, ``"2h"``, ``"3d"`` or ``"250ms"`` as a timedelta."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(str(value))
    if match is None:
        raise ValueError("not a duration")
    seconds = float(match[1]) * _UNITS[match[2] or "s"]
    if seconds > _LONGEST:
        raise ValueError("longer than a hundred years")
    return timedelta(seconds=seconds)


def is_loopback(url: str) -> bool:
    """Whether the address is one of this machine alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(text: str) -> SplitResult:
    """The parts of an address. The error does not repeat the address, which may hold a password."""
    try:
        parts = urlsplit(text)
    except ValueError as exc:
        raise ValueError("not an address") from exc
    try:
        _ = parts.port
    except ValueError as exc:
        raise ValueError("the port is not a number from 0 to 65535") from exc
    return parts


def _parse_list(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _parse_timezone(value: Any) -> Any:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("not an IANA time zone") from exc
    return value


def _parse_http(value: Any) -> Any:
    parts = _split(str(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http address")
    return str(value).rstrip("/")


def _parse_database(value: Any) -> Any:
    text = str(value).strip()
    scheme = text.split(":", 1)[0].lower()
    if scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        if not _split(text).hostname and "host=" not in text:
            raise ValueError("the address names no host")
        _check_parameters(text, _LIBPQ)
        return re.sub(r"^[^:]+:", "postgresql:", text, count=1)
    if scheme == "sqlite" and text.startswith("sqlite:///"):
        _check_parameters(text, "")
        return text
    raise ValueError("not a database address")


def _parse_redis(value: Any) -> Any:
    parts = _split(str(value))
    if parts.scheme not in {"redis", "rediss", "valkey", "valkeys", "unix"}:
        raise ValueError("not a Redis address")
    if not (parts.path if parts.scheme == "unix" else parts.hostname):
        raise ValueError("the address names no host")
    number = dict(_check_parameters(str(value), _REDIS)).get("db", parts.path.strip("/") or "0")
    if parts.scheme != "unix" and not re.fullmatch(r"\d{1,4}", number):
        raise ValueError("the database of a Redis is a number")
    return re.sub(r"^valkey", "redis", str(value))


def _check_parameters(url: str, known: str) -> list[tuple[str, str]]:
    """What stands behind the ``?``: a driver answers what it does not know with a bare TypeError, later."""
    given = parse_qsl(_split(url).query, keep_blank_values=True)
    unknown = [name for name, _ in given if name not in known.split()]
    if unknown:
        raise ValueError("the address has a parameter behind its ? that no driver knows")
    return given


def parse_password(value: Any) -> Any:
    """A password in clear, or an argon2 hash that this machine can check without choking."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        return value
    if len(text.strip()) < _SHORTEST_PASSWORD:
        raise ValueError("shorter than 8 characters, blanks around it apart")
    if text.startswith("$argon2"):
        cost = _ARGON2.match(text)
        if cost is None:
            raise ValueError("it begins like an argon2 hash and is none")
        if int(cost[1]) > _MOST_KIB or int(cost[2]) > _MOST_ROUNDS or int(cost[3]) > _MOST_LANES:
            raise ValueError("the hash asks for more than 1 GiB, 20 rounds or 16 lanes for each log-in")
    return text


def _parse_prices(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    prices: dict[str, tuple[float, float]] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, equals, amounts = part.rpartition("=")
        prompt, slash, completion = amounts.partition("/")
        if not (name and equals and slash):
            raise ValueError(f"{part!r} is not name=prompt/completion")
        prices[name.strip()] = (float(prompt), float(completion))
    if not all(0 <= price <= _DEAREST for pair in prices.values() for price in pair):  # nor is NaN
        raise ValueError(f"a price is not from 0 to {_DEAREST}")
    return prices


def _check_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("a key is printable ASCII")
    return SecretStr(text)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Words = Annotated[tuple[str, ...], BeforeValidator(_parse_list)]
Prices = Annotated[Mapping[str, tuple[float, float]], BeforeValidator(_parse_prices)]
ApiKey = Annotated[SecretStr, AfterValidator(_check_key)]
TimeZone = Annotated[str, BeforeValidator(_parse_timezone)]
HttpUrl = Annotated[str, BeforeValidator(_parse_http)]
Password = Annotated[SecretStr, BeforeValidator(parse_password)]
DatabaseUrl = Annotated[str, BeforeValidator(_parse_database)]
RedisUrl = Annotated[str, BeforeValidator(_parse_redis)]
