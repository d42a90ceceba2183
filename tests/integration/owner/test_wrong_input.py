"""Whatever is sent to an action that it cannot be done on changes nothing, and is answered as what it is.

The emergency stop above all: a name that nobody knows pauses nothing, and is never "done".
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts
from tests.integration.owner.test_three_doors import ASKED_ALONE
from tests.support.doors import CASES, CLOCK, Case, at_the_pages, fill, rows_of

GARBAGE = (
    *(
        "",
        " ",
        "\t",
        "\n",
        "0",
        "-1",
        "null",
        "None",
        "nobody",
        "ALLE",
        "all ",
        "all,robin",
        "*",
        "%",
        "_",
        "c-",
    ),
    *(
        "x_web",
        "x_web:",
        ":robin",
        "x_web:robin ,",
        "x_web:robin/..",
        "robin\x00",
        "posting",
        "posting/x_web:robin",
    ),
    *(
        "../../etc/passwd",
        "..",
        "/",
        "//",
        "?",
        "#",
        "&target=all",
        "' OR 1=1 --",
        '"; DROP TABLE switches; --',
    ),
    *("<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "%00", "%2e%2e", "\x1b[31mred", "\x9b31m"),
    *(
        "róbin",
        "\uff52\uff4f\uff42\uff49\uff4e",
        "robin\u200b",
        "\u202enibor",
        "日本語",
        "👩‍👩‍👧",
        "\ufeffrobin",
        "robin\u0301",
    ),
    *(
        "a" * 251,
        "ab" * 5_000,
        "[" * 2_000,
        "1e400",
        "NaN",
        "true",
        "[]",
        "{}",
        "c-waiting c-ahead",
        "c-wai%",
    ),
)
NAMED = [case for case in CASES if case.name != "queue.submit" and not case.name.startswith("authors.")]
"""What is done to something that is there; a post is new, and an author may be anybody."""
TARGETS = {case.name: case for case in NAMED}
SAID = ("error", "meaning", "remedy")


@pytest.fixture
async def database(any_database_url: str) -> AsyncIterator[Database]:
    async with open_database(any_database_url, DatabaseSettings(), CLOCK) as opened:
        await fill(opened, any_database_url)
        yield opened


def garbled(rng: random.Random) -> str:
    """A text of anything that can be sent."""
    return "".join(chr(rng.choice((rng.randrange(1, 256), rng.randrange(256, 0xD800)))) for _ in range(9))


async def test_garbage_is_done_nothing_about_at_any_door(
    database: Database, tmp_path: Path, any_database_url: str
) -> None:
    before = await rows_of(database)
    rng = random.Random(7)
    targets = [*GARBAGE, *(garbled(rng) for _ in range(20))]
    async with at_the_pages(tmp_path, database, any_database_url) as client:
        for case in TARGETS.values():
            assert chosen(case, targets)
            for target in chosen(case, targets):
                sent = await sent_form(client, case, target=target)
                assert sent.status_code in {404, 422}, (case.name, target, sent.status_code)
            for target in chosen(case, targets):
                answer = await called(client, case, target)
                assert answer.status_code in {404, 405, 422}, (case.name, target, answer.text)
                assert set(SAID) <= answer.json().keys(), (case.name, target, answer.text)
    assert await rows_of(database) == before, "no row, no history, no audit line"


async def sent_form(client: httpx.AsyncClient, case: Case, **fields: str) -> httpx.Response:
    files = {name: ("3.png", body) for name, body in case.files.items()}
    return await client.post(f"/do/{case.page}", data={**case.form, **fields}, files=files)


def chosen(case: Case, targets: list[str]) -> list[str]:
    """All of them for the emergency stop; for every other action a tenth of them, another one each."""
    first = list(TARGETS).index(case.name)
    return targets if case.name == "posting.pause" else targets[first % 10 :: 10]


async def called(client: httpx.AsyncClient, case: Case, target: str) -> httpx.Response:
    """The action of the API on another target."""
    kind, _, verb = case.api.rpartition("/")
    body = dict(case.body)
    if kind == "posting":
        body["target"] = target
        return await client.post(f"/api/{case.api}", json=body)
    return await client.post(f"/api/{kind.partition('/')[0]}/{quote(target, safe='')}/{verb}", json=body)


@pytest.mark.parametrize("field", ["account", "target"])
async def test_an_account_that_does_not_exist_holds_and_runs_nothing(
    field: str, database: Database, tmp_path: Path, any_database_url: str
) -> None:
    before = await rows_of(database)
    async with at_the_pages(tmp_path, database, any_database_url) as client:
        for case in NAMED:
            if field in case.form and case.form[field] in ("robin", "@wren", "wren"):
                for wrong in ("nobody", "robin2", "x_web:robin ,", "0"):
                    sent = await sent_form(client, case, **{field: wrong})
                    if field in case.body:
                        path, body = case.api, {**case.body, field: wrong}
                    else:  # it stands in the address
                        path, body = (
                            case.api.replace(case.form[field], quote(wrong, safe="")),
                            dict(case.body),
                        )
                    answer = await client.post(f"/api/{path}", json=body)
                    assert {sent.status_code, answer.status_code} == {404}, (case.name, wrong)
    assert await rows_of(database) == before


async def test_what_is_no_handle_mutes_nobody(
    database: Database, tmp_path: Path, any_database_url: str
) -> None:
    before = await rows_of(database)
    async with at_the_pages(tmp_path, database, any_database_url) as client:
        for wrong in ("", "@", "-1", "two words", "all,robin", "<script>", "a" * 101, "robin\u202e", "../x"):
            for kind in ("mute", "unmute"):
                sent = await client.post(f"/do/authors/{kind}", data={"target": wrong})
                answer = await client.post(f"/api/authors/{quote(wrong, safe='')}/{kind}", json={})
                assert sent.status_code == 422, (kind, wrong)
                assert answer.status_code in {404, 405, 422}, (kind, wrong)
        for account in ("nobody", "x_web:"):
            sent = await client.post("/do/authors/mute", data={"target": "finch", "account": account})
            assert sent.status_code == 404, account
    assert await rows_of(database) == before


BODIES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        1e308,
        "text",
        [],
        [[]],
        [None],
        {},
        {"target": None},
        {"target": 7},
        {"target": ["all"]},
    ),
    *({"target": "all", "why": 3}, {"target": "all", "wy": "a slip"}, {"why": "w" * 1001}, {"why": ["x"]}),
    *(
        {"parts": []},
        {"parts": "x"},
        {"parts": [1]},
        {"parts": [""]},
        {"parts": ["x"] * 51},
        {"parts": [None]},
    ),
    *({"body": "%%%", "alt": "x"}, {"body": "aGk=", "alt": "x", "part": 0}, {"body": "aGk=", "alt": "x"}),
    *({"posts": ["no address"]}, {"posts": [{}]}, {"to": "ajar"}, {"to": None}, {"length": "for ever"}),
    *({"length": "-4h"}, {"length": "9e999h"}, {"length": "8d"}, {"length": 4}, {"account": {}}, {"seen": 1}),
    *({"despite": "links"}, {"at": "yesterday", "parts": ["x"]}, {"parts": ["x"], "account": "nobody"}),
)
RAW = (
    *(b"", b"{", b"\xff\xfe", b"[" * 50_000, b'{"a":' * 20_000, b'{"target": "\\ud800"}', b'{"target": NaN}'),
    *(b'{"target": "all", "target": "nobody"}', b"target=all", b'{"why": ' + b"9" * 6_000 + b"}", b"\x00"),
)


async def test_no_body_brings_an_action_down(tmp_path: Path) -> None:
    """Right ones apart, each is the sender's mistake (4xx) and is told so in JSON; none is repeated.

    Each action is sent a quarter of the bodies, another one each, and each body goes to a quarter of the actions.
    """
    cases = {case.name: case for case in CASES}
    async with (
        open_database(f"sqlite:///{tmp_path}/s.db", DatabaseSettings(), CLOCK) as database,
        at_the_pages(tmp_path, database) as client,
    ):
        await fill(database)
        for number, case in enumerate(cases.values()):
            for body in BODIES[number % 4 :: 4]:
                answer = await client.post(f"/api/{case.api}", json=body)
                judge(answer, case, body)
            for raw in RAW[number % 4 :: 4]:
                kind = {"Content-Type": "application/json" if raw != b"\x00" else "text/plain"}
                answer = await client.post(f"/api/{case.api}", content=raw, headers=kind)
                judge(answer, case, raw)
        assert (await client.post("/api/nothing", json={})).json()["error"]
        assert (await client.put("/api/queue", json={})).status_code == 405


def judge(answer: httpx.Response, case: Case, body: Any) -> None:
    assert answer.status_code < 500, (case.name, body, answer.text)
    assert answer.headers["content-type"] == "application/json"
    if answer.status_code != 200:
        assert set(SAID) <= answer.json().keys() and answer.json()["error"], (case.name, body, answer.text)


FORM = "application/x-www-form-urlencoded"


async def test_a_wrong_form_is_the_senders_mistake(
    database: Database, tmp_path: Path, any_database_url: str
) -> None:
    async with at_the_pages(tmp_path, database, any_database_url) as client:
        for body, kind in (
            (b"text=" + b"x" * 200_000, FORM),
            (b"&".join(b"a%d=1" % number for number in range(30)), FORM),
            (b"no form at all", "multipart/form-data"),
            (b"--x\r\nno form at all", "multipart/form-data; boundary=x"),
        ):
            sent = await client.post("/do/queue/edit", content=body, headers={"Content-Type": kind})
            assert sent.status_code == 422, (body[:20], kind)
        for header in ({"Referer": "http://["}, {"Referer": "//evil.example/x"}):
            done = await client.post("/do/posting/pause", data={"target": "all"}, headers=header)
            assert (done.status_code, done.headers["location"]) in {(303, "/"), (303, "/x")}
        for header in ({"Origin": "http://["}, {"Host": "[::1"}):
            refused = await client.post("/api/posting/pause", json={"target": "all"}, headers=header)
            assert refused.status_code in {400, 403}, header
        long = await client.post("/api/queue", content=b"x" * 90_000_000)
        assert long.status_code == 413 and long.json()["error"]


async def test_what_its_state_does_not_allow_is_a_conflict(
    database: Database, tmp_path: Path, any_database_url: str
) -> None:
    before = await rows_of(database)
    async with at_the_pages(tmp_path, database, any_database_url) as client:
        for path, body in (
            ("queue/c-ahead/approve", {}),
            ("queue/c-waiting/approve", {"seen": "another text"}),
            ("queue/c-ahead/again", {}),
            ("queue/c-missed/reject", {}),
            ("queue/c-waiting/live", {"posts": ["https://x.com/a/status/1"]}),
            ("breakers/network/x_web/release", {}),
        ):
            answer = await client.post(f"/api/{path}", json=body)
            assert answer.status_code == 409 and answer.json()["error"], (path, answer.text)
    assert await rows_of(database) == before


async def test_a_switch_of_a_name_that_nobody_has_can_still_be_lifted(
    database: Database, tmp_path: Path, any_database_url: str
) -> None:
    """Before names were looked up, any text became a switch: it must not stand for ever."""
    async with database.begin("test.old") as connection:
        await accounts.switch_off(
            connection, "posting/nobody", account_id="nobody", who="test", why="old", now=CLOCK.now()
        )
    async with at_the_pages(tmp_path, database, any_database_url) as client:
        answer = await client.post("/api/posting/resume", json={"target": "nobody"})
        assert answer.status_code == 200
        assert (await client.post("/api/posting/resume", json={"target": "nobody"})).status_code == 404


async def test_a_foreign_page_and_a_stranger_do_nothing_at_the_api(
    database: Database, tmp_path: Path, any_database_url: str
) -> None:
    before = await rows_of(database)
    async with at_the_pages(tmp_path, database, any_database_url) as client:
        for case in CASES:
            for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
                answer = await client.post(f"/api/{case.api}", json=dict(case.body), headers=headers)
                assert answer.status_code == 403 and answer.json()["error"], case.name
            named = await client.post(
                f"/api/{case.api}", json=dict(case.body), headers={"Host": "rebound.example"}
            )
            assert named.status_code == 403, case.name
    assert await rows_of(database) == before


async def test_the_api_says_what_it_takes_and_gives(
    database: Database, tmp_path: Path, any_database_url: str
) -> None:
    async with at_the_pages(tmp_path, database, any_database_url) as client:
        described = (await client.get("/openapi.json")).json()
    schemas = {
        name: schema.get("properties", {})
        for name, schema in described["components"]["schemas"].items()
        if name not in {"HTTPValidationError", "ValidationError"}  # FastAPI's own
    }
    assert {"Answer", "AuditLine", "NewContent"} <= schemas.keys()
    silent = [
        f"{name}.{field}"
        for name, properties in schemas.items()
        for field, about in properties.items()
        if not about.get("description")
    ]
    assert not silent, "fields of the API that say nothing of themselves"
    paths = described["paths"]
    changing = [path for path, methods in paths.items() if "post" in methods and path != "/api/preview"]
    actions = {path: paths[path]["post"] for path in changing}
    assert len(actions) == len({case.name for case in CASES}) + len(ASKED_ALONE)
    assert actions
    for path, action in actions.items():
        assert action["responses"]["200"]["content"]["application/json"]["schema"].get("$ref"), path
        assert {"404", "409", "422", "503"} <= action["responses"].keys(), path
        assert action.get("description") or action.get("summary"), path


@pytest.mark.parametrize("word", [b"\xff", b"caf\xe9", b"\x1b[31m", b"\xc2\x9b31m"])
def test_a_word_that_is_no_text_is_refused_in_a_sentence(word: bytes, tmp_path: Path) -> None:
    command = [sys.executable.encode(), b"-m", b"stonechat.cli.main", b"queue", b"add", word]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2 and not done.stdout
    said = done.stderr.decode("ascii")
    assert "Word 3 of the command is no text" in said and "Traceback" not in said
    assert not any(ord(sign) < 32 and sign != "\n" for sign in said)


@pytest.mark.parametrize(
    "words",
    [
        ("db", "move", "--to", "postgresql://u:canary-4711@127.0.0.1:1/x"),
        ("db", "move", "--to=postgresql://u:canary-4711@127.0.0.1:1/x"),
        ("bench", "jobs", "--database", "postgresql://u:canary-4711@127.0.0.1:1/x"),
        ("init", "--model-url", "https://u:canary-4711@models.example/v1"),
    ],
)
def test_a_password_in_a_command_is_refused_and_not_repeated(words: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stonechat.cli.main", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and not done.stdout
    assert "an address with a password" in done.stderr and "canary-4711" not in done.stderr
    assert not list(tmp_path.iterdir())
