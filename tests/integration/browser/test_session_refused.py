"""A session that Chromium does not take is the trouble of its own account, and what is let through is taken."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Error, async_playwright

from stonechat.browser import POOL_POLICY
from stonechat.browser.sessions import Session
from stonechat.config.cookies import flaw, normal
from stonechat.config.settings import DatabaseSettings
from stonechat.core.errors import SessionTrouble
from stonechat.core.events import EventStream
from stonechat.core.model import Account
from stonechat.core.network import Posted, Publication, Refused
from stonechat.core.states import BreakerState, SessionState
from stonechat.database import open_database
from stonechat.networks.guarded import GuardedNetwork, Guards
from stonechat.networks.x_web.login import try_session
from stonechat.networks.x_web.plugin import PLUGIN
from stonechat.resilience import BROWSER_POLICY, POSTING_POLICY, open_breakers
from tests.integration.networks.x_web_support import CHROMIUM, open_bench
from tests.support.networks import x_site

PARTS: dict[str, list[Any]] = {
    "name": [
        *(
            "a",
            "a b",
            "ä",
            "a,b",
            "a=b",
            "a;b",
            " a",
            "a\t",
            "a\n",
            "",
            "a\x7f",
            "a\x85",
            "{}",
            '"a"',
            "a/b",
            "😀",
        ),
        *("__Host-a", "__Secure-a", "__Http-a", "__host-http-a", "n" * 4090),
    ],
    "value": [
        *("v", "", '"a, b"', "ä€😀", "a\\b", "a;b", " v ", "a\0", "a\r\n", "\x01", "a\x7f", "a=b=c", "\x85"),
        *("\ud800", "{}", "%0d%0a", "a\tb", "v" * 4095, "v" * 4097, "ä" * 2048),
    ],
    "domain": [
        ".x.com",
        "x.com",
        "a_b.x.com",
        ".X.com",
        "..x.com",
        "x.com.",
        "x.com:80",
        "",
        "x com",
        "-x.com",
    ],
    "path": [
        "/",
        "/a b",
        "/ä",
        "a",
        "/a;b",
        "/\x01",
        "/\n",
        "/" + "p" * 1023,
        "/" + "p" * 1024,
        "",
        "//",
        "/?#",
    ],
    "expires": [
        -1,
        0,
        None,
        1900000000,
        1900000000.5,
        1e11,
        253402300799,
        1e12,
        1e18,
        1e300,
        "nan",
        "2030-01-01",
    ],
    "secure": [True, False, None, "false"],
    "httpOnly": [True, False, None],
    "sameSite": ["Lax", "Strict", "None", "no_restriction", "unspecified", None, 5],
}


def cookies(count: int, seed: int) -> list[dict[str, Any]]:
    """Cookies with one or two odd parts each, in the form in which they go to the browser."""
    rng = random.Random(seed)
    plain = {"name": "a", "value": "v", "domain": ".x.com", "path": "/", "secure": True, "sameSite": "Lax"}
    singles = [{**plain, part: odd} for part, odds in PARTS.items() for odd in odds]
    pairs = []
    for _ in range(count):
        chosen = rng.sample(sorted(PARTS), 3)
        pairs.append({**plain, **{part: rng.choice(PARTS[part]) for part in chosen}})
    return [normal(one, "x.com") for one in (*singles, *pairs)]


async def test_chromium_takes_every_cookie_that_is_let_through() -> None:
    made = cookies(400, seed=3)
    fit = [one for one in made if not flaw(one)]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        refused = []
        for one in fit:
            try:
                state: Any = {"cookies": [one], "origins": []}
                context = await browser.new_context(storage_state=state)
            except (Error, ValueError) as exc:
                refused.append((one, str(exc)[:200]))
            else:
                await context.close()
        await browser.close()
    assert not refused
    assert len(fit) > 100
    assert len(made) - len(fit) > 100


async def test_an_account_with_a_session_that_is_refused_stops_no_other(tmp_path: Path) -> None:
    handles = ("quietbuilder", "secondhand")
    async with (
        open_bench(tmp_path, handles=handles) as bench,
        open_database(f"sqlite:///{tmp_path}/x.db", DatabaseSettings(), bench.clock) as database,
        open_breakers(database, bench.clock, EventStream(bench.clock), random.Random(1)) as breakers,
    ):
        bench.pool.guard(breakers.add("browser/h", POOL_POLICY, bench.pool.prove))
        guards = Guards(breakers.add("network/x", BROWSER_POLICY), breakers.add("posting/x", POSTING_POLICY))
        network = GuardedNetwork(
            bench.network,
            PLUGIN.text,
            lambda _: guards,
        )
        ill, well = (Account(id=f"x:{one}", network="x_web", handle=one) for one in handles)
        good = await bench.sessions.load(ill.id)
        assert good is not None
        bad = [{**cookie, "value": "secret;x"} for cookie in good.cookies]
        await bench.sessions.save(ill.id, Session(tuple(bad), (), good.needed))
        restarts = bench.pool.health().restarts

        for _ in range(6):  # more than any breaker bears
            with pytest.raises(SessionTrouble) as caught:
                await network.own_posts(ill)
            assert "secret" not in str(caught.value)
            outcome = await network.publish(ill, Publication(("In vain",)))
            assert isinstance(outcome, Refused)
            assert outcome.session is SessionState.EXPIRED

        assert isinstance(await network.publish(well, Publication(("All is well here",))), Posted)
        assert {one.state for one in breakers.status()} == {BreakerState.CLOSED}
        assert bench.pool.health().restarts == restarts
        await bench.sessions.save(ill.id, good)
        assert isinstance(await network.publish(ill, Publication(("And here again",))), Posted)


async def test_a_log_in_from_a_file_that_is_refused_is_a_sentence(tmp_path: Path) -> None:
    bad = {**normal({"name": "auth_token", "value": "v"}, "x.com"), "value": "secret;x"}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        with pytest.raises(SessionTrouble, match="does not take this session") as caught:
            address = x_site().address
            await try_session(
                await browser.new_context(), address, "me", Session((bad,), (), ("auth_token",))
            )
        await browser.close()
    assert "secret" not in json.dumps(str(caught.value))
