"""A grant whose refresh token serves once: renewed in time, by one alone, and lost with no process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiohttp import web
from cryptography.fernet import Fernet, MultiFernet

from stonechat.browser.session_encryption import Keys
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import InvalidInput, Permanent, SessionTrouble, Transient
from stonechat.core.model import Account
from stonechat.core.states import SessionState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts
from stonechat.networks.credential_store import CredentialStore
from stonechat.networks.http_calls import HttpCalls
from stonechat.networks.x_api.authorization import authorize, code_in
from stonechat.networks.x_api.tokens import Grant, Tokens, grant_of
from tests.support.clock import ManualClock
from tests.support.processes import free_port

ACCOUNT = Account("x_api:me", "x_api", "me")


class PassingClock(ManualClock):
    """One that moves on by itself while somebody sleeps."""

    async def sleep_real(self, duration: timedelta) -> None:
        await self.advance(seconds=duration.total_seconds())


class Killed(BaseException):
    """The process has ended here."""


@dataclass
class TokenServer:
    """X's token address: each refresh token serves once."""

    url: str = ""
    valid: str = "r0"
    number: int = 0
    status: int = 200
    asked: list[str] = field(default_factory=list)

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = str(form.get("refresh_token") or form.get("code"))
        self.asked.append(given)
        if self.status != 200:
            return web.json_response({"title": "no"}, status=self.status)
        if given not in (self.valid, "good-code"):
            said = {
                "error": "invalid_request",
                "error_description": "Value passed for the token was invalid.",
            }
            return web.json_response(said, status=400)
        self.number += 1
        self.valid = f"r{self.number}"
        pair = {"access_token": f"a{self.number}", "refresh_token": self.valid, "expires_in": 7200}
        return web.json_response({"token_type": "bearer", **pair})


@contextlib.asynccontextmanager
async def token_server() -> AsyncIterator[TokenServer]:
    server = TokenServer()
    app = web.Application()
    app.router.add_post("/2/oauth2/token", server.token)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@dataclass
class Bench:
    """A database with a saved grant, and whatever process comes to use it."""

    server: TokenServer
    database: Database
    clock: ManualClock
    folder: Path
    keys: Keys = field(default_factory=lambda: Keys(MultiFernet([Fernet(Fernet.generate_key())])))

    def store(self) -> CredentialStore:
        return CredentialStore(self.database, self.clock, self.keys, self.folder)

    def tokens(self, store: CredentialStore | None = None) -> Tokens:
        """Those of a new process."""
        http = HttpCalls(self.server.url, timedelta(seconds=5))
        return Tokens(ACCOUNT.id, "me", store or self.store(), {}, http, self.clock, self.server.url)

    async def save(self) -> None:
        grant = Grant("client", "", "a0", "r0", self.clock.wall().timestamp(), 7200.0)
        async with self.database.begin("test") as connection:
            await accounts.put(connection, ACCOUNT, self.clock.now())
            await self.store().put(connection, ACCOUNT.id, grant.as_values(), source="login")

    async def saved(self) -> Grant:
        found = grant_of(await self.store().load(ACCOUNT.id) or {})
        assert found is not None
        return found


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = PassingClock()
    url = f"sqlite:///{tmp_path / 'x.db'}"
    async with token_server() as server, open_database(url, DatabaseSettings(), clock) as database:
        made = Bench(server, database, clock, tmp_path / "sessions")
        await made.save()
        yield made


async def header(tokens: Tokens) -> str:
    return await tokens.header("GET", "/2/users/me")


async def half_over(clock: Clock) -> None:
    assert isinstance(clock, ManualClock)
    await clock.advance(minutes=61)


async def test_a_grant_is_renewed_when_half_of_its_time_is_over_and_not_before(bench: Bench) -> None:
    tokens = bench.tokens()
    assert await header(tokens) == "Bearer a0"
    await half_over(bench.clock)
    assert await header(tokens) == "Bearer a1"
    assert bench.server.asked == ["r0"]
    assert (await bench.saved()).refresh == "r1"


async def test_many_calls_at_once_renew_it_once(bench: Bench) -> None:
    tokens = bench.tokens()
    await half_over(bench.clock)
    assert set(await asyncio.gather(*(header(tokens) for _ in range(20)))) == {"Bearer a1"}
    assert bench.server.asked == ["r0"]


async def test_a_process_that_dies_before_it_has_stored_the_new_pair_loses_nothing(bench: Bench) -> None:
    class DiesWhenItStores(CredentialStore):
        async def _store(self, account_id: str, generation: int, values: object) -> None:
            raise Killed

    await half_over(bench.clock)
    dying = DiesWhenItStores(bench.database, bench.clock, bench.keys, bench.folder)
    with pytest.raises(Killed):
        await header(bench.tokens(dying))
    assert bench.server.valid == "r1"  # the old one is of no use any more

    assert await header(bench.tokens()) == "Bearer a1"
    assert (await bench.saved()).refresh == "r1"
    assert bench.server.asked == ["r0"]
    assert not list(bench.folder.glob("renewed-*"))
    await half_over(bench.clock)
    assert await header(bench.tokens()) == "Bearer a2"


async def test_what_waits_on_the_disk_cannot_be_read_there(bench: Bench) -> None:
    store = bench.store()
    await store.load(ACCOUNT.id)
    store._write(ACCOUNT.id, 1, {"refresh": "the-secret"})
    [file] = bench.folder.glob("renewed-*")
    assert b"the-secret" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


async def test_a_new_log_in_is_not_undone_by_what_waits_on_the_disk(bench: Bench) -> None:
    store = bench.store()
    await store.load(ACCOUNT.id)
    store._write(ACCOUNT.id, 1, Grant("client", "", "old", "old", 0.0, 1.0).as_values())
    await bench.save()  # the owner has connected it anew: the next generation
    assert (await bench.saved()).access == "a0"


async def test_a_refresh_token_that_another_process_has_just_used_is_not_believed_to_be_dead(
    bench: Bench,
) -> None:
    await half_over(bench.clock)
    late, quick = bench.tokens(), bench.tokens()
    await late._values()  # it has read the grant, and is slow
    assert await header(quick) == "Bearer a1"
    assert await header(late) == "Bearer a1"


async def test_a_server_that_is_away_is_no_reason_to_stop_while_the_old_token_holds(bench: Bench) -> None:
    tokens = bench.tokens()
    bench.server.status = 503
    await half_over(bench.clock)
    assert await header(tokens) == "Bearer a0"
    await half_over(bench.clock)
    with pytest.raises(Transient):
        await header(tokens)
    bench.server.status = 200
    assert await header(tokens) == "Bearer a1"


async def test_a_grant_that_the_owner_took_back_is_told_when_its_last_token_ends_and_asked_for_once(
    bench: Bench,
) -> None:
    tokens = bench.tokens()
    bench.server.valid = "none"
    await half_over(bench.clock)
    assert await header(tokens) == "Bearer a0"
    assert await header(tokens) == "Bearer a0"
    assert bench.server.asked == ["r0"]
    await half_over(bench.clock)
    with pytest.raises(SessionTrouble, match="does not renew the grant of @me") as caught:
        await header(tokens)
    assert caught.value.state is SessionState.EXPIRED
    assert "stonechat connect" in caught.value.remedy
    assert (await bench.saved()).refresh == "r0"  # nothing is wiped


# --- PKCE ---------------------------------------------------------------------------------------------------


async def allow(server: TokenServer, *, port: int, answer: str = "code=good-code") -> tuple[Grant, list[str]]:
    """Go through it as the owner's browser does: follow the page's link back to this machine."""
    shown: list[str] = []

    async def browse() -> None:
        while not shown:
            await asyncio.sleep(0.01)
        asked = parse_qs(urlsplit(shown[0].split()[-1]).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert "offline.access" in asked["scope"][0]
        async with httpx.AsyncClient() as browser:
            await browser.get(f"http://127.0.0.1:{port}/favicon.ico")
            await browser.get(f"{asked['redirect_uri'][0]}?state={asked['state'][0]}&{answer}")

    http = HttpCalls(server.url, timedelta(seconds=5))
    browsing = asyncio.create_task(browse())
    try:
        grant = await authorize(
            http, {"client_id": "client"}, shown.append, site="https://x.example", port=port, now=lambda: 5.0
        )
    finally:
        await browsing
        await http.close()
    return grant, shown


async def test_the_owner_allows_the_app_in_a_browser_on_this_machine() -> None:
    async with token_server() as server:
        grant, shown = await allow(server, port=free_port())
    assert (grant.access, grant.refresh, grant.issued, grant.lifetime) == ("a1", "r1", 5.0, 7200.0)
    assert shown[0].startswith("Open this page")


async def test_an_owner_who_does_not_allow_it_is_heard() -> None:
    async with token_server() as server:
        with pytest.raises(Permanent, match="access_denied"):
            await allow(server, port=free_port(), answer="error=access_denied")


async def test_a_port_that_is_taken_is_said() -> None:
    async with token_server() as server:
        port = urlsplit(server.url).port
        assert port is not None
        http = HttpCalls(server.url, timedelta(seconds=5))
        with pytest.raises(Transient, match=f"port {port}"):
            await authorize(
                http, {"client_id": "c"}, print, site="https://x.example", port=port, now=lambda: 0.0
            )


def test_an_answer_to_somebody_elses_question_is_refused() -> None:
    with pytest.raises(InvalidInput):
        code_in("state=other&code=good-code", "ours")
