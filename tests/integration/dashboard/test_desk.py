"""The inbox, the calendar and what was not posted: what an owner sees and does there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.ids import digest
from stonechat.core.model import Content
from stonechat.core.states import ContentState
from stonechat.database import open_database
from stonechat.database.repositories import content
from stonechat.database.repositories import desk as desk_rows
from stonechat.networks.registry import installed
from tests.integration.dashboard.test_dashboard import Site, site
from tests.support.content import studio
from tests.support.desk import ROBIN, WREN, furnish
from tests.support.doors import AtTheCommandLine

CLOCK = SystemClock()
BERLIN = ZoneInfo(ROBIN.timezone)


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Site]:
    async with (
        open_database(f"sqlite:///{folder}/x.db", DatabaseSettings(), CLOCK) as database,
        studio(folder, CLOCK, account=ROBIN, on=database) as writing,
        site(database) as here,
    ):
        await furnish(database, CLOCK.now(), count=20)
        here.data.connect(drafter=writing.drafter, networks=installed(), spacing=timedelta(hours=1))
        yield here


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with desk(tmp_path) as opened:
        yield opened


async def stored(here: Site, content_id: str) -> Content:
    assert here.database is not None
    async with here.database.read("test.find") as connection:
        found = await content.find(connection, content_id)
    assert found is not None
    return found


async def test_whoever_approves_a_reply_sees_whom_it_answers_what_stands_above_and_why(here: Site) -> None:
    assert here.database is not None
    async with here.database.begin("test.thread") as connection:
        await desk_rows.keep_thread(connection, "robin-op-lark", ["What counts as exercise?"])
    page = (await here.get("/inbox")).text
    for part in (
        *("@lark", "Does a walk of ten minutes even count?", "What counts as exercise?", "spoke to us"),
        *("https://network.example/lark/1", "0.91", "It does. The corner is where"),
    ):
        assert part in page, part
    [first, second] = (await here.get("/api/inbox")).json()
    assert (first["asked"]["author"], second["asked"]["author"]) == ("lark", "heron"), "best first"
    assert first["above"] == ["What counts as exercise?"]


async def test_what_is_rejected_from_the_inbox_stands_with_its_reason_under_not_posted(here: Site) -> None:
    await here.do("queue/reject", target="robin-reply-lark", why="we do not give advice on exercise")
    assert "robin-reply-lark" not in (await here.get("/inbox")).text
    page = (await here.get("/unposted")).text
    for part in (
        "we do not give advice on exercise",
        *("Ten tricks doctors hate.", "sounds like an ad", "Water first, then coffee."),
        *("Kept for a day without a model.", "My reading list only ever grows."),
    ):
        assert part in page, part


async def test_the_calendar_shows_days_by_the_accounts_clocks(here: Site) -> None:
    piece = await stored(here, "robin-ahead-03")
    local = piece.due_at.astimezone(BERLIN)
    days = (await here.get(f"/api/calendar?first={local.date()}&days=1&account={ROBIN.id}")).json()
    [at] = [one["at"] for one in days[0]["entries"] if one["content"]["id"] == piece.id]
    assert datetime.fromisoformat(at) == piece.due_at
    page = (await here.get(f"/calendar?day={local.date()}&account={ROBIN.id}")).text
    assert f"{local:%H:%M}</time>" in page and "clocks of Europe/Berlin" in page
    assert "nothing yet" in (await here.get("/calendar?view=month&day=2030-05-01")).text


async def test_what_is_moved_too_near_to_another_is_said_and_marked(here: Site) -> None:
    neighbour = await stored(here, "robin-ahead-05")
    at = (neighbour.due_at + timedelta(minutes=20)).astimezone(BERLIN)
    answer = await here.client.post("/api/queue/robin-ahead-03/move", json={"at": f"{at:%Y-%m-%d %H:%M}"})
    assert answer.json()["clashes"] == [neighbour.id] and "clashes" in answer.json()["said"]
    [day] = (await here.get(f"/api/calendar?first={at.date()}&days=1&account={ROBIN.id}")).json()
    posts = [one for one in day["entries"] if one["content"]["kind"] == "single" and one["clash"]]
    assert {one["content"]["id"] for one in posts} == {"robin-ahead-03", neighbour.id}
    assert 'class="tag bad">clash' in (await here.get(f"/calendar?day={at.date()}")).text


async def test_a_post_moves_by_a_form_in_the_zone_of_the_page(here: Site) -> None:
    day = (CLOCK.now() + timedelta(days=9)).date()
    done = await here.do("queue/move", target="wren-ahead-00", at=f"{day}T07:45", zone=WREN.timezone)
    assert done.status_code == 303
    moved = (await stored(here, "wren-ahead-00")).due_at.astimezone(ZoneInfo(WREN.timezone))
    assert f"{moved:%Y-%m-%d %H:%M}" == f"{day} 07:45"


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2031-03-30 02:30", "There is no 02:30 on 2031-03-30 in Europe/Berlin"),
        ("2020-01-01 10:00", "has passed"),
        ("someday", "is no time"),
    ],
)
async def test_a_time_that_cannot_be_is_refused_in_a_sentence(here: Site, at: str, said: str) -> None:
    before = await stored(here, "robin-ahead-03")
    refused = await here.client.post("/api/queue/robin-ahead-03/move", json={"at": at})
    assert refused.status_code == 422 and said in refused.json()["error"]
    assert await stored(here, "robin-ahead-03") == before


async def test_of_two_windows_that_move_one_post_the_second_is_told(here: Site) -> None:
    seen = (await stored(here, "robin-ahead-03")).due_at.isoformat()
    day = (CLOCK.now() + timedelta(days=9)).date()
    await here.do("queue/move", target="robin-ahead-03", at=f"{day} 10:00", seen=seen)
    second = await here.do("queue/move", target="robin-ahead-03", at=f"{day} 12:00", seen=seen)
    assert second.status_code == 409 and "was moved meanwhile" in second.text


async def test_of_two_windows_that_edit_one_post_the_second_is_told_and_keeps_its_text(here: Site) -> None:
    seen = digest(*(await stored(here, "robin-ahead-03")).said())
    first, second = "The first window says this about walking.", "The second window says that about it."
    assert (await here.do("queue/edit", target="robin-ahead-03", text=first, seen=seen)).status_code == 303
    told = await here.do("queue/edit", target="robin-ahead-03", text=second, seen=seen)
    assert told.status_code == 409 and "changed meanwhile" in told.text
    assert second in told.text and first in told.text, "what was typed, and what it says now"
    assert (await stored(here, "robin-ahead-03")).parts == (first,)
    again = digest(*(await stored(here, "robin-ahead-03")).said())
    assert (await here.do("queue/edit", target="robin-ahead-03", text=second, seen=again)).status_code == 303
    assert (await stored(here, "robin-ahead-03")).parts == (second,)


async def test_a_text_that_the_network_would_not_take_comes_back_to_be_mended(here: Site) -> None:
    long = "A walk is a walk is a walk. " * 40
    told = await here.do("queue/submit", target=ROBIN.id, text=long, at="")
    assert told.status_code == 422 and long.strip() in told.text and 'action="/do/queue/submit"' in told.text


async def test_what_is_live_is_not_moved(here: Site) -> None:
    refused = await here.client.post("/api/queue/robin-000001/move", json={"at": "2031-05-05 10:00"})
    assert refused.status_code == 409
    assert (await stored(here, "robin-000001")).state is ContentState.POSTED


def test_the_same_is_read_at_a_terminal(tmp_path: Path) -> None:
    terminal = AtTheCommandLine(tmp_path)
    terminal.on_database(lambda database: furnish(database, CLOCK.now(), count=5))
    first, *_ = json.loads(terminal.types("inbox", "--account", "robin", "--json"))
    assert first["answers"] in ("@lark", "@heron") and first["they_said"] and first["text"]
    days = json.loads(terminal.types("calendar", "--account", "robin", "--json"))
    assert len(days) == 7 and any(day["entries"] for day in days)
    found = json.loads(terminal.types("unposted", "--json"))
    assert found["rejected"][0]["why"] == "sounds like an ad" and found["found"][0]["author"] == "siskin"
    assert "nothing yet" in terminal.types("calendar", "--first", "2040-01-01")
