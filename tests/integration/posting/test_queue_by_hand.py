"""``stonechat queue add``: what the owner writes goes the way of what a model writes, and never twice."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from stonechat.cli.main import app
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.model import Account, Approval
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts
from stonechat.database.schema.tables import content_media, content_metadata, media_bytes, state_history
from tests.support.clock import ManualClock
from tests.support.network import FakeNetwork
from tests.support.pictures import png
from tests.support.posting import RunContext, desk_on

T = TypeVar("T")
TEXT = "A short walk after lunch is still a walk, and nobody has to know."
MORE = "The long one can wait for the weekend, together with the good shoes."
ME = "x_web:robin"
COOKIES = [
    {"name": name, "value": "x" * 32, "domain": ".x.com", "path": "/"} for name in ("auth_token", "ct0")
]
SESSION = base64.b64encode(json.dumps(COOKIES).encode()).decode()


class Owner:
    """Somebody at a terminal in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/s.db"
        for number in (1, 2):
            (folder / f"{number}.png").write_bytes(png(number))
        (folder / "note.txt").write_text("no picture", encoding="utf-8")
        self._given = {
            "DATABASE_URL": self.url,
            "DATA_DIR": str(folder),
            "ACCOUNT_HANDLE": "robin",
            "ACCOUNT_TIMEZONE": "Europe/Vienna",
            "OPENAI_API_KEY": "key-for-tests",
            "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
            "TWITTER_SESSION_B64": SESSION,
            "COLUMNS": "200",
        }

    def types(self, *words: str, code: int = 0, **more: Any) -> Result:
        done = CliRunner(env={**self._given, **more}).invoke(app, ["queue", *words])
        assert done.exit_code == code, done.output + repr(done.exception)
        return done

    def adds(self, *words: str, **more: Any) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.types("add", *words, "--json", **more).stdout)
        return said

    def with_database(self, work: Callable[[Database], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with open_database(self.url, DatabaseSettings(), SystemClock()) as database:
                return await work(database)

        return asyncio.run(opened())

    def rows(self, table: sa.Table) -> int:
        async def count(database: Database) -> int:
            async with database.read("test.count") as connection:
                return int(
                    (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
                )

        return self.with_database(count)


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Owner:
    monkeypatch.chdir(tmp_path)
    return Owner(tmp_path)


def test_what_is_added_goes_out_once_at_its_time_with_its_pictures(owner: Owner) -> None:
    tomorrow = (datetime.now(ZoneInfo("Europe/Vienna")) + timedelta(days=1)).date()
    call = (
        *(TEXT, "--thread", MORE, "--at", f"{tomorrow} 18:30"),
        *("--image", "1.png", "--alt", "A path between hedges", "--part", "2"),
        *("--image", "2.png", "--alt", "Two good shoes", "--part", "1"),
    )
    added = owner.adds(*call, APPROVAL="all")
    assert added["new"] and added["state"] == "awaiting_approval" and added["kind"] == "thread"
    local = datetime.fromisoformat(added["due_at"]).astimezone(ZoneInfo("Europe/Vienna"))
    assert (local.date(), local.hour, local.minute) == (tomorrow, 18, 30)
    assert [(one["part"], one["alt"]) for one in added["pictures"]] == [
        (0, "Two good shoes"),
        (1, "A path between hedges"),
    ]

    repeated = owner.adds(*call)
    assert not repeated["new"] and repeated["id"] == added["id"]
    assert "was added before" in owner.types("add", *call).stdout
    assert owner.rows(content_metadata) == 1 and owner.rows(content_media) == 2

    owner.types("approve", added["id"][:8])
    shown = json.loads(owner.types("show", "--account", "robin", "--json").stdout)
    assert [(row["id"], row["state"], row["held"], row["next_action"]) for row in shown] == [
        (added["id"], "queued", "", "published")
    ]

    async def publish(database: Database) -> FakeNetwork:
        clock = ManualClock(local.astimezone(UTC) + timedelta(minutes=1))
        desk = desk_on(database, clock, network=FakeNetwork(clock))
        for run in ("one", "two"):
            await desk.sweep().sweep(RunContext(clock, account_id=ME, run_id=run))
        return desk.network

    network = owner.with_database(publish)
    assert network.texts_of(Account(ME, "x_web", "robin")) == [TEXT, MORE]
    (sent,) = network.sent
    assert [[(one.alt, one.body) for one in part] for part in sent.pictures] == [
        [("Two good shoes", png(2))],
        [("A path between hedges", png(1))],
    ]
    assert "it is posted" in owner.types("add", *call).stdout
    assert owner.rows(content_metadata) == 1


def test_one_more_is_made_only_where_it_is_asked_for(owner: Owner) -> None:
    first = owner.adds(TEXT, "--at", "now")
    assert first["state"] == "queued" and first["writer_model"] == "by hand" and first["cost_usd"] == 0
    second = owner.adds(TEXT, "--at", "now", "--again")
    third = owner.adds(TEXT, "--at", "now", "--again")
    assert len({first["id"], second["id"], third["id"]}) == 3
    assert not owner.adds(TEXT)["new"], "another time is no other post"
    refused = owner.types("add", TEXT.replace("lunch", "Lunch") + " Really.", code=1)
    assert "repetition" in refused.stderr and owner.rows(content_metadata) == 3


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["\N{SMILING FACE WITH OPEN MOUTH}" * 10 + " walk " * 60], "(length)"),
        (["Read more about short walks at shop.example.com today."], "--despite links"),
        ([TEXT, "--thread", "  "], "a part is empty"),
        ([TEXT, "--image", "1.png"], "--alt once for each"),
        ([TEXT, "--image", "1.png", "--alt", " "], "without a description"),
        ([TEXT, "--image", "1.png", "--alt", "A path", "--part", "2"], "no part 2"),
        ([TEXT, "--image", "none.png", "--alt", "A path"], "cannot be read"),
        ([TEXT, "--image", "note.txt", "--alt", "A path"], "cut off, damaged or no picture"),
        ([TEXT, "--at", "2020-01-01 10:00"], "has passed"),
        ([TEXT, "--account", "nobody"], "There is no account"),
    ],
)
def test_what_would_be_refused_is_refused_at_once_and_leaves_nothing(
    owner: Owner, words: list[str], why: str
) -> None:
    refused = owner.types("add", *words, code=1)
    assert why in refused.stderr and "Traceback" not in refused.output
    assert [owner.rows(one) for one in (content_metadata, content_media, media_bytes, state_history)] == [
        0
    ] * 4


def test_a_step_of_the_review_can_be_overruled_by_name(owner: Owner) -> None:
    text = "Read more about short walks at shop.example.com today."
    assert owner.adds(text, "--despite", "links")["text"] == text


def test_without_a_time_posts_take_the_next_free_ones_and_none_twice(owner: Owner) -> None:
    texts = [
        "Tea before the inbox makes the inbox smaller.",
        "Every street looks different on foot.",
        "Write the list in the evening, and sleep better for it.",
    ]
    due = [datetime.fromisoformat(owner.adds(text, POSTS_PER_DAY="2")["due_at"]) for text in texts]
    zone = ZoneInfo("Europe/Vienna")
    days = [at.astimezone(zone).date() for at in due]
    assert due == sorted(due) and all(b - a >= timedelta(minutes=20) for a, b in itertools.pairwise(due))
    assert days.count(days[0]) <= 2 and days[-1] > days[0]
    assert due[0] > datetime.now(UTC)


def test_the_policy_of_the_stonechat_that_runs_holds_and_not_that_of_a_terminal(owner: Owner) -> None:
    async def runs(database: Database) -> None:
        strict = Account(ME, "x_web", "robin", approval=Approval.ALL)
        async with database.begin("test.account") as connection:
            await accounts.put(connection, strict, datetime.now(UTC))

    owner.with_database(runs)
    assert owner.adds(TEXT, APPROVAL="none")["state"] == "awaiting_approval"


def test_several_accounts_must_be_told_apart(owner: Owner) -> None:
    (owner.folder / "stonechat.toml").write_text(
        '[[accounts]]\nhandle = "wren"\ntimezone = "UTC"\napproval = "all"\n', encoding="utf-8"
    )
    assert "@robin, @wren" in owner.types("add", TEXT, code=1, TWITTER_SESSION_B64_WREN=SESSION).stderr
    said = owner.adds(TEXT, "--account", "@wren", TWITTER_SESSION_B64_WREN=SESSION)
    assert (said["account_id"], said["state"]) == ("x_web:wren", "awaiting_approval")


def test_the_queue_says_what_is_held_and_by_what(owner: Owner) -> None:
    owner.adds(TEXT, "--at", "now")
    assert "POSTING_DISABLED is set" in owner.types("show", POSTING_DISABLED="true").stdout
    (row,) = json.loads(owner.types("--json").stdout)
    assert (row["held"], row["next_action"], row["pictures"]) == ("", "rehearsed", [])


def test_doctor_finds_a_picture_that_could_not_be_sent(owner: Owner) -> None:
    added = owner.adds(TEXT, "--image", "1.png", "--alt", "A path")

    def said() -> dict[str, str]:
        done = CliRunner(env=owner._given).invoke(app, ["doctor", "--json"])
        found: dict[str, str] = next(
            one for one in json.loads(done.stdout)["checks"] if one["name"] == "pictures"
        )
        return found

    assert said()["verdict"] == "ok"

    async def damage(database: Database) -> None:
        async with database.begin("test.damage") as connection:
            await connection.execute(sa.update(media_bytes).values(body=b"\x89PNG\r\n\x1a\n"))

    async def lose(database: Database) -> None:
        async with database.begin("test.lose") as connection:
            await connection.execute(sa.delete(media_bytes))

    for harm, why in ((damage, "damaged"), (lose, "gone")):
        owner.with_database(harm)
        found = said()
        assert found["verdict"] == "fail" and why in found["found"] and added["id"] in found["fix"]


def test_what_was_added_before_says_what_has_become_of_it(owner: Owner) -> None:
    added = owner.adds(TEXT, APPROVAL="all")
    owner.types("reject", added["id"], "--why", "not now")
    assert "it is rejected" in owner.types("add", TEXT).stdout
    assert owner.adds(TEXT, "--again")["new"]
