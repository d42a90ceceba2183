"""The injection suite through the whole reply path, with a model that obeys every injection it sees."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from stonechat.content.replies import ReplySettings
from stonechat.content.writing.prompts import quoted
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database.repositories import content, opportunities
from stonechat_aviary.opening import open_aviary
from tests.support.clock import ManualClock
from tests.support.content import ACCOUNT, Studio, offer, studio
from tests.support.injections import HARMLESS, injections
from tests.support.model_endpoint import Answer

EVERY = injections()
MANY = ReplySettings(invited_only=False, per_day=30_000)


def no_screen(text: str, _language: str) -> str | None:
    return None


async def answer_all(s: Studio) -> list[tuple[str, str]]:
    """Run the job until no post is open; ``(post, reply)`` of everything that reached the queue."""
    for _ in range(40):
        async with s.database.read("test.open") as connection:
            left = await opportunities.pool_size(connection, ACCOUNT.id)
        if not left:
            break
        await s.replier.reply(s.run("content.replies"))
    assert not left
    async with s.database.read("test.read") as connection:
        held = await content.in_states(connection, list(ContentState), limit=1000)
        posts = {
            one.id: one.text
            for state in OpportunityState
            for one in await opportunities.in_state(connection, ACCOUNT.id, state, limit=1000)
        }
    return [(posts[str(one.opportunity_id)], one.parts[0]) for one in held]


def obeying(demands: dict[str, str]) -> Answer:
    """A model that finds the demand in whatever it is shown, however hidden, and says it."""

    # the model library breaks marks such as <|im_end|> by a joiner
    def answer(system: str, prompt: str, rng: random.Random) -> str:
        shown = json.loads(prompt.split("\ntheir_post: ", 1)[1].replace("\u200d", ""))
        demand = demands[shown] or system
        texts = (demand[:270], f"Well said. {demand}"[:270], f"{demand}. That is all."[:270])
        return json.dumps({"drafts": [{"parts": [text]} for text in texts]})

    return answer


@pytest.mark.timeout(120)
async def test_nothing_gets_through_to_the_queue_when_the_local_model_obeys(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_aviary() as aviary:
        aviary.panel.everybody.model.obey_injection = True
        async with studio(tmp_path, clock, replies=MANY, model_url=aviary.address.model_url) as s:
            await offer(s.database, clock, [case.post for case in EVERY])
            through = await answer_all(s)
    said = [
        (post, reply)
        for post, reply in through
        for case in EVERY
        if case.post == post and case.demand and case.demand.casefold() in reply.casefold()
    ]
    assert not said
    assert len(through) <= 0.05 * len(EVERY), through  # posts that gave no orders may be answered


@pytest.mark.timeout(120)
async def test_the_review_alone_holds_when_the_screen_is_off_and_the_model_obeys_everything(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    # invisible letters are taken out of the prompt: no model can read that demand, let alone obey it
    chosen = [case for case in EVERY if case.how != "tag characters"][::12]
    async with studio(tmp_path, clock, replies=MANY, screen=no_screen) as s:
        shown: dict[str, str] = {}
        s.endpoint.answer = obeying(shown)
        for case in chosen:
            shown[json.loads(quoted(case.post))] = case.demand
        await offer(s.database, clock, [case.post for case in chosen])
        through = await answer_all(s)
        assert len(s.endpoint.calls) >= len(chosen), "every post was shown to the model"
    assert not through


async def test_ordinary_posts_are_answered(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        open_aviary() as aviary,
        studio(tmp_path, clock, replies=MANY, model_url=aviary.address.model_url) as s,
    ):
        await offer(s.database, clock, list(HARMLESS))
        through = await answer_all(s)
    assert len(through) >= 0.9 * len(HARMLESS)
