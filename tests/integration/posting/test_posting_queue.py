"""The page of the queue costs a fixed number of queries, and judges each row as the publisher would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from stonechat.core.model import Account, Approval, Content, ContentKind, Opportunity
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database import Database
from stonechat.database.repositories import accounts, content, opportunities
from stonechat.networks.x_picture_limits import refuse_pictures
from stonechat.posting import attachments
from stonechat.posting.gate import decide
from stonechat.posting.gate_input import conditions_of, observe, read_rows
from stonechat.posting.queue import queue_rows
from tests.support.clock import ManualClock
from tests.support.pictures import png, ready
from tests.support.posting import ACCOUNT, SETTINGS, Desk, open_desk, piece

OTHER = replace(ACCOUNT, id="x:wren", handle="wren", approval=Approval.REPLIES)
LIMITED = SETTINGS.model_copy(update={"min_spacing": timedelta(minutes=20), "in_all": 6})


class Counter:
    """Counts what is sent to the database."""

    def __init__(self, database: Database) -> None:
        self.sent = 0
        event.listen(database._engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, *_what: Any) -> None:
        self.sent += 1


@pytest.fixture
async def desk(any_database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(any_database_url, ACCOUNT, OTHER, settings=LIMITED) as made:
        yield made


def opportunity(number: int, author: str, account: Account, state: OpportunityState) -> Opportunity:
    now = ManualClock().now()
    return Opportunity(
        id=f"o{number}",
        account_id=account.id,
        post_id=f"{9000 + number}",
        author=author,
        text="t",
        url="u",
        posted_at=now,
        found_at=now,
        state=state,
        source="mentions",
    )


async def fill(desk: Desk, numbers: range) -> None:
    """Posts, threads with pictures, replies to authors of all sorts, some published before, of two accounts."""
    now, pieces = desk.clock.now(), []
    for number in numbers:
        account = (ACCOUNT, OTHER)[number % 2]
        due = now + timedelta(minutes=number - 20)
        if number % 5 == 3:
            author = ("Ann", "ben", "Cat")[number % 3]
            found = opportunity(number, author, account, OpportunityState.CLAIMED)
            async with desk.database.begin("test.offer") as connection:
                await opportunities.add(connection, [found])
            reply = piece(f"r{number}", "Thanks.", due_at=due, account=account, kind=ContentKind.REPLY)
            pieces.append(replace(reply, in_reply_to="1", opportunity_id=found.id, approved_by="owner"))
        else:
            parts = ("One.", "Two.") if number % 4 == 0 else ("x" * 300 if number % 7 == 1 else "One.",)
            pieces.append(piece(f"p{number}", *parts, due_at=due, account=account))
    await desk.queue(*pieces)
    async with desk.database.begin("test.pictures") as connection:
        for one in pieces[::4]:
            await attachments.attach(
                connection,
                one.id,
                ready(png(1)),
                "a square",
                part=0,
                who="owner",
                now=now,
                refuse=refuse_pictures,
            )


async def a_past(desk: Desk) -> None:
    """Something was published and answered; an author wants no replies, another was answered yesterday."""
    now = desk.clock.now()
    done = [opportunity(900, "ann", ACCOUNT, OpportunityState.REPLIED)]
    async with desk.database.begin("test.past") as connection:
        await opportunities.add(connection, done)
        await opportunities.opt_out(connection, OTHER.id, "BEN", now=now)
        await accounts.switch_off(
            connection, f"posting/{OTHER.id}", account_id=OTHER.id, who="owner", why="trip", now=now
        )
    await desk.queue(*(piece(f"done{number}", f"Done {number}.", due_at=now) for number in range(3)))
    free = replace(desk, settings=SETTINGS)
    for number in range(3):
        await free.publisher().publish(ACCOUNT, f"done{number}")


async def test_sixty_rows_cost_the_queries_of_five(desk: Desk) -> None:
    await a_past(desk)
    counter, costs = Counter(desk.database), []
    for numbers in (range(5), range(5, 60)):
        await fill(desk, numbers)
        counter.sent = 0
        rows = await queue_rows(desk.database, desk.rules, {"x_web": desk.network}, desk.clock)
        costs.append((len(rows), counter.sent))
    assert [rows for rows, _ in costs] == [5, 60]
    assert costs[0][1] == costs[1][1] <= 16, costs


async def test_the_page_says_of_each_row_what_the_publisher_would_decide(desk: Desk) -> None:
    await a_past(desk)
    await fill(desk, range(40))
    now = desk.clock.now()
    async with desk.database.read("test") as connection:
        pieces = await content.in_states(connection, [ContentState.QUEUED])
        known = {account.id: account for account in await accounts.every(connection)}
        facts = await read_rows(connection, desk.rules, pieces, now)

        async def alone(one: Content) -> object:
            account = known[one.account_id]
            seen = await observe(connection, desk.rules, account, one, desk.network, now, lock=False)
            return decide(one, account, seen)

        together = [
            decide(one, account, conditions_of(facts, desk.rules, account, one, desk.network, now))
            for one in pieces
            for account in [known[one.account_id]]
        ]
        assert together == [await alone(one) for one in pieces]
    said = {getattr(verdict, "why", "") for verdict in together}
    assert len(pieces) == 40
    for why in ("wants no automated", "switched off", "longer than", "answered lately", "not come"):
        assert any(why in one for one in said), (why, said)
