"""What may stand behind ``?`` in the address of a database or of Redis, and what to do about the rest.

Libraries raise a ``TypeError`` where they meet a parameter that they do not know, and hosting services print
parameters of the libraries that most of their customers use.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

_NUMBERS = {
    *("connect_timeout", "db", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval"),
    *("port", "sslcompression", "sslsni", "tcp_user_timeout", "gssdelegation"),
}
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,39}")


@dataclass(frozen=True, slots=True)
class AddressParameters:
    """The parameters that one library takes in an address.

    Attributes:
        whose: whose addresses they are, as it is said to the owner.
        values: the values that some of them may have.
        hints: what to do about those that other programs write, by name.
    """

    whose: str
    known: Collection[str]
    values: Mapping[str, Collection[str]]
    hints: Mapping[str, str]


_HIDDEN = "write it before the host, user:password@host, where it is hidden in what is shown"
_TLS = "write sslmode=require, or better verify-full, in its place"

OF_POSTGRESQL = AddressParameters(
    "PostgreSQL's",
    # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
    {
        *("application_name", "client_encoding", "connect_timeout", "dbname", "fallback_application_name"),
        *("host", "hostaddr", "port", "user", "options", "passfile", "service", "target_session_attrs"),
        *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "tcp_user_timeout"),
        *("sslmode", "sslcert", "sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey", "sslsni"),
        *("sslpassword", "sslrootcert", "ssl_max_protocol_version", "ssl_min_protocol_version"),
        *("channel_binding", "require_auth", "requirepeer", "gssencmode", "gssdelegation", "gsslib"),
        *("krbsrvname", "load_balance_hosts", "sslnegotiation"),
    },
    {
        "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
        "channel_binding": ("disable", "prefer", "require"),
        "gssencmode": ("disable", "prefer", "require"),
        "sslnegotiation": ("postgres", "direct"),
        "target_session_attrs": ("any", "read-write", "primary", "prefer-standby"),
    },
    {
        "pgbouncer": "leave it out; a pooler can be used as it is",
        "schema": "leave it out for public; another one is options=-csearch_path%3Dname",
        "ssl": _TLS,
        "sslaccept": _TLS,
        "connection_limit": "leave it out and set DATABASE_POOL_SIZE",
        "pool_size": "leave it out and set DATABASE_POOL_SIZE",
        "pool_timeout": "leave it out and set DATABASE_POOL_WAIT",
        "socket_timeout": "leave it out and set DATABASE_STATEMENT_TIMEOUT",
        "statement_timeout": "leave it out and set DATABASE_STATEMENT_TIMEOUT",
        "password": _HIDDEN,
    },
)

OF_REDIS = AddressParameters(
    "Redis'",
    {
        *("db", "ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname"),
        "ssl_keyfile",
    },
    {
        "ssl_cert_reqs": ("none", "optional", "required"),
        "ssl_check_hostname": ("true", "false"),
    },
    {
        "ssl": "write rediss:// in place of redis://",
        "tls": "write rediss:// in place of redis://",
        "password": _HIDDEN,
        "username": _HIDDEN,
        "max_connections": "leave it out and set REDIS_POOL_SIZE",
        "timeout": "leave it out and set REDIS_TIMEOUT",
        "socket_timeout": "leave it out and set REDIS_TIMEOUT",
        "socket_connect_timeout": "leave it out and set REDIS_TIMEOUT",
    },
)


def parameters(query: str, taken: AddressParameters) -> dict[str, str]:
    """What stands behind ``?``, by name.

    Raises:
        ValueError: a part is no parameter, is given twice or has a value that it cannot have. The value is
            not repeated.
    """
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, equals, _ = part.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise ValueError("what stands behind ? is not name=value; a ? in a password is written %3F")
        if name not in taken.known:
            raise ValueError(_unknown(name, taken))
        if name in found:
            raise ValueError(f"names {name} twice")
        found[name] = value = dict(parse_qsl(part, keep_blank_values=True)).get(name, "")
        if not value:
            raise ValueError(f"gives {name} no value")
        if name in _NUMBERS and not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise ValueError(f"{name} is not a whole number")
        if name in taken.values and value not in taken.values[name]:
            raise ValueError(f"{name} is none of {', '.join(taken.values[name])}")
    return found


def _unknown(name: str, taken: AddressParameters) -> str:
    hint = taken.hints.get(name.lower())
    if hint is None:
        near = difflib.get_close_matches(name.lower(), taken.known, 1, 0.7)
        hint = f"did you mean {near[0]}?" if near else "leave it out"
    return f"{name} is no part of {taken.whose} addresses: {hint}"
