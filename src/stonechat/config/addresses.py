"""Addresses as people paste them: of a database, of Redis, of an HTTP service.

Each parser returns the address in the one form that its library takes, or raises ``ValueError`` with words
that follow the setting's name. What an error repeats of an address is the name of a parameter behind ``?``,
and that only once it is certain that the password has ended before: an address may hold a secret anywhere.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

import idna

from stonechat.config.address_parameters import OF_POSTGRESQL, OF_REDIS, parameters

_POSTGRESQL = re.compile(r"postgres(?:ql)?(?:\+(?:psycopg2?|psycopg_async|psycopg2cffi|asyncpg|pg8000))?")
_SQLITE = re.compile(r"sqlite(?:\+(?:aiosqlite|pysqlite))?")
_OTHERS = {"mysql", "mariadb", "mongodb", "mongodb+srv", "mssql", "sqlserver", "libsql", "cockroachdb"}
_PSQL = re.compile(r"""psql\s+(["'])(.+)\1""")
_PLACEHOLDER = re.compile(
    r"[\[<{][\w .-]*(?:pass|project|\bref\b|your|host|user|database|name|secret|region)[\w .-]*[\]>}]"
    r"|your[-_ ]?(?:db[-_ ]?)?password|\*{3,}|[•●]{2,}",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\$\{\{?[^}]*\}|^\$\w+$")
_ESCAPED = '@/?#[]% \\"<>^`{|}'
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?", re.IGNORECASE)


def is_loopback(url: str) -> bool:
    """Whether the address is one of this machine alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_http(value: Any) -> str:
    """An ``http`` or ``https`` address without the last ``/``; user and password may stand in it."""
    text = _plain(value)
    if scheme_of(text) not in {"http", "https"}:
        raise ValueError("not an http address")
    parts = _split(text, path=True)
    if not parts.hostname:
        raise ValueError("not an http address: it names no host")
    if parts.fragment:
        raise ValueError("holds # as it is: leave it out with what follows, or write %23 for it")
    return text.rstrip("/")


def parse_database(value: Any) -> str:
    """``postgresql://…`` as libpq takes it, or ``sqlite:///path``.

    Understood too is what hosting services and other libraries write: ``postgres://``, the name of a driver
    behind ``+``, a whole ``psql '…'``, a socket's folder as the host.
    """
    text = _plain(value)
    if pasted := _PSQL.fullmatch(text):
        text = pasted[2]
    scheme = scheme_of(text)
    if _SQLITE.fullmatch(scheme) or scheme == "file":
        return _sqlite(scheme, text.partition(":")[2])
    if _POSTGRESQL.fullmatch(scheme) and text[len(scheme) :].startswith("://"):
        return _postgresql(f"postgresql{text[len(scheme) :]}")
    raise ValueError(_no_database(scheme, text))


def parse_redis(value: Any) -> str:
    """``redis://``, ``rediss://`` or ``unix://`` as the Redis client takes it; ``valkey`` is the same."""
    text = re.sub(r"^valkey", "redis", _plain(value))
    scheme = scheme_of(text)
    if scheme in {"http", "https"}:
        raise ValueError(
            "not a Redis address but one of HTTP; the service shows another that begins with rediss://"
        )
    if scheme not in {"redis", "rediss", "unix"} or not text[len(scheme) :].startswith("://"):
        raise ValueError("not a Redis address")
    parts = _split(text)
    if not (parts.path if scheme == "unix" else parts.hostname):
        raise ValueError("the address names no host" if scheme != "unix" else "the address names no socket")
    if scheme != "unix" and not re.fullmatch(r"/?|/\d{1,6}", parts.path):
        raise ValueError("what stands behind the host is not the number of a database, such as /0")
    given = parameters(parts.query, OF_REDIS)
    if scheme != "rediss" and any(name.startswith("ssl_") for name in given):
        raise ValueError("says something of TLS: write rediss:// in place of redis://")
    return text


def scheme_of(text: str) -> str:
    """What stands before the first colon, in small letters."""
    return text.partition(":")[0].lower()


def _plain(value: Any) -> str:
    """The address without blanks around it, where it can be one at all."""
    if not isinstance(value, str):
        raise ValueError("not an address")
    text = value.strip()
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
        raise ValueError("holds a line end or another control character")
    if _REFERENCE.search(text):
        raise ValueError("is or holds a reference ($NAME) that nothing has replaced by its value")
    if "://" in text and (_PLACEHOLDER.search(text) or _PLACEHOLDER.search(unquote(text))):
        raise ValueError("still holds a placeholder such as [YOUR-PASSWORD]: put in what it stands for")
    return text


def _split(text: str, *, path: bool = False) -> SplitResult:
    """The parts of an address whose user and password are escaped.

    Args:
        path: an ``@`` may stand behind the host, as in paths of the web. Where it may not, it is taken for
            one of a password that holds ``/``, ``?`` or ``#``, so that no part of it is read as another.
    """
    rest = text.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    ends_there = path and _is_host(authority.rpartition("@")[2])
    _refuse_unescaped((authority if ends_there else rest).rpartition("@")[0])
    if not path and "#" in rest:
        raise ValueError("holds # as it is: write %23 for it")
    if "," in authority.rpartition("@")[2]:
        raise ValueError("names several hosts: name one, the primary or what stands before them")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise ValueError("the port is not a number from 0 to 65535, or the host is none") from exc
    if parts.netloc.endswith(":"):
        raise ValueError("the port behind the colon is missing")
    if host and not _is_host(unquote(host)):
        raise ValueError("the host in the address is no name of a host")
    return parts


def _refuse_unescaped(secret: str) -> None:
    """Raise where user and password hold what has to be escaped; only the signs are named."""
    signs = [one for one in dict.fromkeys(secret) if one in _ESCAPED and one != "%"]
    if re.search(r"%(?![0-9A-Fa-f]{2})", secret):
        signs.append("%")
    if signs:
        wanted = ", ".join(f"{quote(one, safe='')} for {one if one != ' ' else 'a blank'}" for one in signs)
        raise ValueError(f"the log-in before the host is not escaped: write {wanted}")
    if "%00" in secret:
        raise ValueError("the log-in before the host holds %00, which no server takes")


def _is_host(authority: str) -> bool:
    """Whether this is a host, perhaps with a port, that a look-up would take (RFC 1123; IDNA)."""
    if authority.startswith("/"):  # the folder of a socket
        return True
    host, _, port = authority.rpartition(":") if re.search(r":\d*$", authority) else (authority, "", "")
    try:
        ip_address(authority.strip("[]").partition("%")[0])
    except ValueError:
        pass
    else:
        return True
    if port and int(port[:6]) > 65535:
        return False
    if host.startswith("["):
        return _is_host(host.strip("[]"))
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            return False
    return len(host) <= 253 and _HOST.fullmatch(host) is not None


def _sqlite(scheme: str, rest: str) -> str:
    path = rest.removeprefix("///") if scheme != "file" else ""
    if not rest.startswith("///") or not path:
        raise ValueError(
            "not the address of a SQLite file: three / before its path, sqlite:///path/to/file.db"
        )
    if "?" in path or path == ":memory:":
        raise ValueError("not the address of a SQLite file: a path, and nothing behind it")
    return f"sqlite:///{path}"


def _postgresql(text: str) -> str:
    parts = _split(text)
    given = parameters(parts.query, OF_POSTGRESQL)
    if "," in given.get("host", ""):
        raise ValueError("names several hosts: name one, the primary or what stands before them")
    socket = unquote(parts.hostname or "")
    if socket.startswith("/"):
        log_in, at, _ = parts.netloc.rpartition("@")
        port = {"port": str(parts.port)} if parts.port else {}
        query = urlencode({**given, "host": unquote(_host_as_written(parts)), **port}, quote_via=quote)
        return f"postgresql://{log_in}{at}{parts.path}?{query}"
    if not (socket or "host" in given or "hostaddr" in given or "service" in given):
        raise ValueError("the address names no host")
    return text


def _host_as_written(parts: SplitResult) -> str:
    """``hostname`` is in small letters, which the name of a folder is not."""
    return re.sub(r":\d*$", "", parts.netloc.rpartition("@")[2])


def _no_database(scheme: str, text: str) -> str:
    if scheme == "jdbc":
        return (
            "not a database address: leave out jdbc:, and write the user as postgresql://user:password@host"
        )
    if scheme.startswith("prisma"):
        return "an address of Prisma's own service: take the direct one, which begins with postgresql://"
    if scheme in {
        "mysql",
        "mariadb",
        "mongodb",
        "mongodb+srv",
        "mssql",
        "sqlserver",
        "libsql",
        "cockroachdb",
    }:
        return "an address of another database: SQLite and PostgreSQL can be used"
    if scheme in {"http", "https"}:
        return (
            "not a database address but one of HTTP; the service shows another that begins with postgresql://"
        )
    if re.match(r"\w+\s*=", text):
        return "not a database address but a list of name=value"
    return "not a database address"
