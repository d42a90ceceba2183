"""The dashboard on a real database, over real HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from stonechat.cache import FallbackCache
from stonechat.cache.memory import InProcessCache
from stonechat.config.settings import DashboardSettings, DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import ConfigError
from stonechat.core.events import ContentPlanned, EventStream
from stonechat.core.model import Content, ContentKind, Metrics, Mode, Snapshot
from stonechat.core.states import BreakerState, ContentState
from stonechat.dashboard.guard import COOKIE
from stonechat.dashboard.page_data import DashboardData
from stonechat.dashboard.server import open_dashboard
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, audit, content, metrics
from stonechat.database.schema.tables import content_media, media_bytes
from stonechat.monitoring import LAYERS, HealthBoard, Meters, ProbeResult, down, ok
from stonechat.networks.x_picture_limits import refuse_pictures
from stonechat.posting import attachments
from stonechat.posting.gate_input import Rules, nothing_blocked
from stonechat.posting.queue import queue_rows
from stonechat.resilience import BreakerPolicy, open_breakers
from tests.support.content import studio
from tests.support.network import FakeNetwork
from tests.support.pictures import png, ready
from tests.support.posting import ACCOUNT, SETTINGS

CLOCK = SystemClock()
PAGES = (
    *("/", "/queue", "/posts", "/learning", "/jobs", "/breakers", "/browser", "/alerts", "/audit"),
    *("/posts/c-posted", "/posting", "/database", "/cache", "/harvesting", "/analytics"),
)


@dataclass(frozen=True)
class Step:
    name: str
    took: timedelta | None
    detail: str = ""


@dataclass
class Site:
    """A dashboard that runs, and a client that speaks to it as a browser on this machine would."""

    client: httpx.AsyncClient
    data: DashboardData
    events: EventStream
    board: HealthBoard
    note: str
    database: Database | None = None

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def do(self, path: str, **form: str) -> httpx.Response:
        return await self.client.post(f"/do/{path}", data=form, headers={"Sec-Fetch-Site": "same-origin"})


def piece(name: str, state: ContentState, **values: object) -> Content:
    base = {
        "id": f"c-{name}",
        "account_id": ACCOUNT.id,
        "kind": ContentKind.SINGLE,
        "state": state,
        "parts": (f"Text of {name} <script>alert(1)</script>",),
        "due_at": CLOCK.now() + timedelta(hours=1),
        "created_at": CLOCK.now(),
        "state_since": CLOCK.now(),
        "arm": {"topic": "sleep", "hook": "question"},
    }
    return Content(**(base | values))  # type: ignore[arg-type]


async def fill(database: Database) -> None:
    async with database.begin("test.fill") as connection:
        await accounts.put(connection, ACCOUNT, CLOCK.now())
        await content.add(connection, piece("waiting", ContentState.AWAITING_APPROVAL), who="test")
        await content.add(connection, piece("ahead", ContentState.QUEUED), who="test")
        posted = piece(
            "posted",
            ContentState.POSTED,
            post_id="77",
            url="https://network.example/robin/status/77",
            posted_at=CLOCK.now() - timedelta(hours=2),
        )
        await content.add(connection, posted, who="test")
        shot = Snapshot(
            ACCOUNT.id, "77", "c-posted", CLOCK.now(), Metrics(likes=12, reposts=3, views=1234), "wire"
        )
        await metrics.append(connection, [shot])


@asynccontextmanager
async def site(
    database: Database | None = None, *, ready: bool = True, **settings: object
) -> AsyncIterator[Site]:
    events = EventStream(CLOCK)
    board, meters = HealthBoard(CLOCK, events), Meters()
    data = DashboardData(
        clock=CLOCK,
        board=board,
        meters=meters,
        mode="demo",
        steps=lambda: [Step("health server", timedelta(milliseconds=9)), Step("database", None, "waiting")],
        ready=lambda: ready,
    )
    if database is not None:
        rules = Rules(SETTINGS, Mode.DEMO, nothing_blocked)
        networks = {"x_web": FakeNetwork(CLOCK)}
        data.connect(database=database, queue=lambda: queue_rows(database, rules, networks, CLOCK))
    given = DashboardSettings.model_validate({"port": 0} | settings)
    async with (
        open_dashboard(given, data, CLOCK, events) as dashboard,
        httpx.AsyncClient(base_url=dashboard.address, timeout=10) as client,
    ):
        yield Site(client, data, events, board, dashboard.note, database)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/x.db", DatabaseSettings(), CLOCK) as opened:
        await fill(opened)
        yield opened


async def well() -> ProbeResult:
    return ok()


async def test_it_answers_before_the_database_is_open_and_shows_the_boot_steps() -> None:
    async with site(ready=False) as shown:
        assert (await shown.get("/livez")).status_code == 200
        assert (await shown.get("/readyz")).status_code == 503
        start = await shown.get("/startupz")
        assert start.status_code == 503
        assert start.json()["steps"][0] == {"name": "health server", "seconds": 0.009, "detail": ""}
        overview = await shown.get("/")
        assert overview.status_code == 200
        assert "waiting" in overview.text
        assert (await shown.get("/posts")).status_code == 503


async def test_health_tells_the_root_cause_and_answers_503_where_something_is_down() -> None:
    async with site() as shown:
        for layer in LAYERS:
            shown.board.register(layer, well)
        await shown.board.check_all()
        assert (await shown.get("/health")).status_code == 200

        async def killed() -> ProbeResult:
            return down("Chromium was killed")

        shown.board.register("browser", killed)
        shown.board.register("posting", killed)
        await shown.board.check_all()
        health = await shown.get("/health")
        assert (health.status_code, health.json()["root"]) == (503, "browser")
        assert (await shown.get("/livez")).status_code == 200
        status = (await shown.get("/status")).json()
        assert [layer["name"] for layer in status["layers"]] == list(LAYERS)
        assert (await shown.client.head("/health")).status_code == 503


async def test_strangers_are_told_states_and_no_more() -> None:
    async def killed() -> ProbeResult:
        return down("postgresql://sc:***@db.internal/sc is gone", "9 of 10 connections")

    async with site(password="correct horse") as shown:
        shown.board.register("database", killed)
        await shown.board.check_all()
        states = {"state": "down", "layers": dict.fromkeys(LAYERS, "unknown") | {"database": "down"}}
        for path in ("/health", "/status"):
            assert (await shown.get(path)).json() == states
        assert (await shown.get("/startupz")).json() == {"started": True}
        assert (await shown.get("/readyz")).json() == {"ready": False}
        assert (await shown.get("/metrics")).status_code == 401


async def test_every_page_is_whole_without_scripts_and_escapes_what_posts_say(database: Database) -> None:
    async with site(database) as shown:
        for path in PAGES:
            page = await shown.get(path)
            assert page.status_code == 200, path
            assert "<script>alert" not in page.text, path
        overview = (await shown.get("/")).text
        assert "Text of ahead" in overview
        assert "<b>12</b> likes" in overview
        assert "https://network.example/robin/status/77" in overview
        assert "default-src 'self'" in (await shown.get("/")).headers["Content-Security-Policy"]
        assert (await shown.get("/posts/none")).status_code == 404
        assert (await shown.get("/parts/none")).status_code == 404


async def test_every_file_that_a_page_names_is_served_from_here(database: Database) -> None:
    async with site(database) as shown:
        named = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', (await shown.get("/")).text))
        assert len(named) >= 6
        for path in named:
            assert (await shown.get(path)).status_code == 200, path


async def test_the_api_gives_what_the_pages_show(database: Database) -> None:
    async with site(database) as shown:
        queue = (await shown.get("/api/queue")).json()
        assert [line["content"]["id"] for line in queue["ahead"]] == ["c-ahead"]
        assert [line["content"]["id"] for line in queue["approval"]] == ["c-waiting"]
        (post,) = (await shown.get("/api/posts")).json()
        assert (post["metrics"]["likes"], post["metrics"]["replies"]) == (12, None)
        plot = (await shown.get("/api/engagement")).json()
        assert plot["engagement"] == [15]
        assert (await shown.get("/api/learning")).status_code == 503
        assert (await shown.get("/api/posts/none")).status_code == 404


async def test_approving_queues_the_text_and_is_audited(database: Database) -> None:
    async with site(database) as shown:
        page = (await shown.get("/queue")).text
        seen = re.search(r'action="/do/queue/approve".*?name="seen" value="([^"]+)"', page, re.DOTALL)
        assert seen is not None
        answer = await shown.do("queue/approve", target="c-waiting", seen=seen[1])
        assert answer.status_code == 303
        async with database.read("test") as connection:
            approved = await content.find(connection, "c-waiting")
            trail = await audit.newest(connection)
        assert approved is not None
        assert (approved.state, approved.approved_by) == (ContentState.QUEUED, "local owner (pages)")
        assert [(line.who, line.action) for line in trail] == [("local owner", "queue.approve")]


async def test_what_is_scheduled_can_be_edited_too_and_parts_stand_apart(
    database: Database, tmp_path: Path
) -> None:
    thread = piece("thread", ContentState.QUEUED, kind=ContentKind.THREAD, parts=("One.", "Two."))
    async with database.begin("test.thread") as connection:
        await content.add(connection, thread, who="test")
    async with site(database) as shown, studio(tmp_path, CLOCK, account=ACCOUNT, on=database) as writing:
        shown.data.connect(drafter=writing.drafter)
        page = (await shown.get("/queue")).text
        assert page.count('action="/do/queue/edit"') == 3
        assert re.search(r'<textarea id="ec-ahead" name="text">Text of ahead &lt;script', page)
        text = "A walk before lunch.\r\n---\r\nThe long one can wait. "
        assert (await shown.do("queue/edit", target="c-thread", text=text)).status_code == 303
        async with database.read("test") as connection:
            edited = await content.find(connection, "c-thread")
        assert edited is not None and edited.parts == ("A walk before lunch.", "The long one can wait.")


async def attach(database: Database, content_id: str, alt: str) -> str:
    """A picture on a piece that waits; its address on the pages."""
    body = png(7)
    async with database.begin("test.attach") as connection:
        await attachments.attach(
            connection,
            content_id,
            ready(body),
            alt,
            part=0,
            who="test",
            now=CLOCK.now(),
            refuse=refuse_pictures,
        )
    return f"/pictures/{content_id}/{hashlib.sha256(body).hexdigest()}"


async def test_who_approves_sees_the_pictures_with_their_descriptions(database: Database) -> None:
    address = await attach(database, "c-waiting", 'A "walk" <b>between</b> hedges')
    shown_as = f'<img src="{address}" alt="A &#34;walk&#34; &lt;b&gt;between&lt;/b&gt; hedges"'
    async with site(database) as shown:
        for page in ("/queue", "/parts/approval", "/posts/c-waiting"):
            assert shown_as in (await shown.get(page)).text, page
        answer = await shown.get(address)
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (
            200,
            png(7),
            "image/png",
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"].startswith("private")
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        (line,) = (await shown.get("/api/queue")).json()["approval"]
        assert [one["alt"] for one in line["pictures"]] == ['A "walk" <b>between</b> hedges']
        assert (await shown.get("/api/posts/c-waiting")).json()["post"]["pictures"] == line["pictures"]
        for other in (address.replace("c-waiting", "c-ahead"), address[:-1] + "x", "/pictures/none/none"):
            assert (await shown.get(other)).status_code == 404, other


async def test_a_picture_is_as_private_as_a_page(database: Database) -> None:
    address = await attach(database, "c-waiting", "A walk")
    async with site(database, password="correct horse") as shown:
        assert (await shown.get(address)).headers.get("location") == "/login"
        await shown.client.post("/login", data={"password": "correct horse"})
        assert (await shown.get(address)).content == png(7)
    async with site(database, host="0.0.0.0") as shown:
        assert (await shown.client.get(address, headers={"Host": "rebound.example"})).status_code == 403


async def test_what_is_no_picture_is_never_served_as_one(database: Database) -> None:
    address = await attach(database, "c-waiting", "A walk")
    async with database.begin("test.type") as connection:
        await connection.execute(content_media.update().values(mime="image/svg+xml"))
    async with site(database) as shown:
        assert (await shown.get(address)).status_code == 404


async def test_a_picture_that_is_no_longer_kept_leaves_its_description(database: Database) -> None:
    address = await attach(database, "c-waiting", "A walk between hedges")
    async with database.begin("test.forget") as connection:
        await connection.execute(media_bytes.delete())
    async with site(database) as shown:
        page = (await shown.get("/posts/c-waiting")).text
        assert "the picture is no longer kept" in page and "A walk between hedges" in page
        assert address not in page and (await shown.get(address)).status_code == 404


async def test_a_missed_post_is_shown_and_queued_again(database: Database) -> None:
    async with database.begin("test.miss") as connection:
        ahead = await content.find(connection, "c-ahead")
        assert ahead is not None
        await content.change(
            connection, ahead, ContentState.MISSED, now=CLOCK.now(), who="gate", why="its slot passed"
        )
    async with site(database) as shown:
        page = (await shown.get("/queue")).text
        assert "<h2>Missed</h2>" in page and "Held: its slot passed" in page
        await shown.do("queue/again", target="c-ahead")
        assert "<h2>Missed</h2>" not in (await shown.get("/queue")).text


async def test_a_text_that_changed_since_it_was_shown_is_not_approved(database: Database) -> None:
    async with site(database) as shown:
        answer = await shown.do("queue/approve", target="c-waiting", seen="another")
        assert answer.status_code == 409
        assert "has been changed since it was shown" in answer.text
        async with database.read("test") as connection:
            waiting = await content.find(connection, "c-waiting")
        assert waiting is not None
        assert waiting.state is ContentState.AWAITING_APPROVAL


async def test_pausing_shows_on_the_overview_and_resuming_ends_it(database: Database) -> None:
    async with site(database) as shown:
        await shown.do("posting/pause", target="all", why="holiday")
        assert "posting is off: holiday" in (await shown.get("/parts/verdict")).text
        await shown.do("posting/resume", target="all")
        assert "holiday" not in (await shown.get("/parts/verdict")).text


async def test_a_breaker_is_forced_and_released(database: Database) -> None:
    async with (
        site(database) as shown,
        open_breakers(database, CLOCK, shown.events, random.Random(1)) as all_,
    ):
        breaker = all_.add("browser", BreakerPolicy())
        await all_.sync()
        shown.data.connect(breakers=all_)
        await shown.do("breakers/force", target="browser", to="open")
        assert breaker.status().state is BreakerState.FORCED_OPEN
        assert "forced open" in (await shown.get("/breakers")).text
        await shown.do("breakers/release", target="browser")
        assert breaker.status().state is BreakerState.CLOSED


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_a_foreign_page_can_change_nothing(database: Database, headers: dict[str, str]) -> None:
    async with site(database) as shown:
        form = {"target": "c-waiting"}
        answer = await shown.client.post("/do/queue/reject", data=form, headers=headers)
        assert answer.status_code == 403
        async with database.read("test") as connection:
            waiting = await content.find(connection, "c-waiting")
        assert waiting is not None
        assert waiting.state is ContentState.AWAITING_APPROVAL


async def test_without_a_password_a_foreign_name_for_this_machine_sees_nothing(database: Database) -> None:
    async with site(database, host="0.0.0.0") as shown:
        assert "DASHBOARD_PASSWORD" in shown.note
        assert "127.0.0.1" in str(shown.client.base_url)
        page = await shown.client.get("/", headers={"Host": "rebound.example"})
        assert page.status_code == 403
        assert "Text of" not in page.text


async def test_with_a_password_only_health_is_open_until_log_in(database: Database) -> None:
    async with site(database, password="correct horse") as shown:
        for path in PAGES:
            assert (await shown.get(path)).headers.get("location") == "/login", path
        assert (await shown.get("/api/queue")).status_code == 401
        assert (await shown.get("/changes")).status_code == 303
        assert (await shown.get("/livez")).status_code == 200
        assert (await shown.do("queue/reject", target="c-waiting")).status_code == 303
        wrong = await shown.client.post("/login", data={"password": "wrong"})
        assert wrong.status_code == 401
        right = await shown.client.post("/login", data={"password": "correct horse"})
        cookie = right.headers["set-cookie"]
        assert all(sign in cookie for sign in (COOKIE, "HttpOnly", "SameSite=strict"))
        assert (await shown.get("/queue")).status_code == 200
        await shown.client.post("/logout")
        assert (await shown.get("/queue")).status_code == 303


async def test_guessing_passwords_is_slowed_down(database: Database) -> None:
    async with site(database, password="correct horse") as shown:
        for _ in range(5):
            await shown.client.post("/login", data={"password": "wrong"})
        assert (await shown.client.post("/login", data={"password": "correct horse"})).status_code == 429


async def test_guesses_are_counted_over_all_hosts_where_they_share_a_cache(database: Database) -> None:
    kept = InProcessCache(CLOCK)
    cache = FallbackCache(None, kept, CLOCK, EventStream(CLOCK))

    async def tries(shown: Site, *passwords: str) -> list[int]:
        answers = [await shown.client.post("/login", data={"password": one}) for one in passwords]
        return [answer.status_code for answer in answers]

    async with (
        site(database, password="correct horse") as one,
        site(database, password="correct horse") as two,
    ):
        one.data.connect(cache=cache)
        two.data.connect(cache=cache)
        assert await tries(one, "correct horse", "wrong", "wrong", "wrong") == [303, 401, 401, 401]
        assert await tries(two, "wrong", "correct horse", "wrong") == [401, 303, 401]
        assert await tries(two, "correct horse") == [401]
        assert await tries(one, "correct horse") == [401]
        kept.clear()
        assert await tries(two, "correct horse") == [303]


async def test_the_stream_names_what_changed_and_ends_with_the_server(database: Database) -> None:
    told: list[str] = []

    async def listen(shown: Site) -> None:
        async with shown.client.stream("GET", "/changes", timeout=None) as stream:
            async for line in stream.aiter_lines():
                told.extend([line])

    async with site(database) as shown:
        listener = asyncio.create_task(listen(shown))
        async with asyncio.timeout(10):
            while "data: queue" not in told:
                shown.events.emit(ContentPlanned(content_id="c", kind="single", due_at=CLOCK.now(), text="t"))
                await asyncio.sleep(0.05)
        assert database.pool().in_use == 0
    async with asyncio.timeout(5):
        await asyncio.gather(listener, return_exceptions=True)


async def test_a_busy_port_is_said_in_one_sentence() -> None:
    async with site() as shown:
        port = httpx.URL(shown.client.base_url).port
        with pytest.raises(ConfigError) as caught:
            async with site(port=port):
                pass
        assert "cannot be listened on" in caught.value.faults[0].problem
