"""What nobody has read does not go out: doubtful drafts, a judge that is away, and a share where there is none."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stonechat.content.content_store import in_share
from stonechat.content.planner import PlanSettings
from stonechat.content.writing.writing_task import Assignment, Purpose
from stonechat.core.model import Approval, Content, ContentKind
from stonechat.core.states import ContentState
from stonechat.database.repositories.drafts import ReserveDraft
from tests.support.clock import ManualClock
from tests.support.content import ACCOUNT, Studio, studio
from tests.support.review_sets import labelled

FREE = replace(ACCOUNT, approval=Approval.NONE)
GOOD = "A walk after lunch makes the afternoon lighter."
GRAVE = "Put bleach into the water and the stain is gone by noon."
MILD = "The firm next door opens at nine, so take the early train."


def saying(text: str, verdict: str = "pass"):  # type: ignore[no-untyped-def]
    def answer(system: str, prompt: str, rng: random.Random) -> str:
        if "drafts:" in prompt:
            return json.dumps({"drafts": [{"parts": [text]}]})
        return json.dumps({"verdict": verdict, "reason": "it said so"})

    return answer


def slot(number: int = 1, purpose: Purpose = Purpose.SLOT, s: Studio | None = None) -> Assignment:
    due = s.clock.now() + timedelta(hours=number) if s and purpose is Purpose.SLOT else None
    return Assignment(
        id=f"a{number}",
        account_id=ACCOUNT.id,
        purpose=purpose,
        kind=ContentKind.SINGLE,
        arm={"topic": "sleep"},
        due_at=due,
    )


async def stored(s: Studio, number: int = 1) -> Content | ReserveDraft | None:
    return (await s.drafter.write(FREE, slot(number, s=s))).stored


@pytest.mark.parametrize(
    ("text", "verdict", "state"),
    [
        (GOOD, "pass", ContentState.QUEUED),
        (MILD, "pass", ContentState.QUEUED),
        (GRAVE, "pass", ContentState.AWAITING_APPROVAL),
        (GOOD, "perhaps", ContentState.AWAITING_APPROVAL),
        (MILD, "perhaps", ContentState.AWAITING_APPROVAL),
    ],
)
async def test_a_second_model_settles_mild_doubts_and_no_others(
    tmp_path: Path, text: str, verdict: str, state: ContentState
) -> None:
    async with studio(tmp_path, ManualClock(), account=FREE, judges=("judge",)) as s:
        s.endpoint.answer = saying(text, verdict)
        content = await stored(s)
        assert isinstance(content, Content) and content.state is state
        assert bool(content.why) == (state is ContentState.AWAITING_APPROVAL)


async def test_a_draft_that_the_second_model_rejects_is_not_stored(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock(), account=FREE, judges=("judge",)) as s:
        s.endpoint.answer = saying(GOOD, "reject")
        outcome = await s.drafter.write(FREE, slot(s=s))
        assert outcome.stored is None and "the judge" in outcome.why[0]


@pytest.mark.parametrize("judges", [(), ("judge",)], ids=["no judge", "the writer judges itself"])
async def test_of_hostile_drafts_of_a_hostile_endpoint_few_reach_the_queue_unapproved(
    tmp_path: Path, judges: tuple[str, ...]
) -> None:
    texts = [one.text for one in labelled() if one.hostile and not one.of_others][::9]
    queued = []
    async with studio(tmp_path, ManualClock(), account=FREE, judges=judges, held_share=0.25) as s:
        for number, text in enumerate(texts, 1):
            s.endpoint.answer = lambda _system, _prompt, _rng, text=text: json.dumps(
                {"drafts": [{"parts": [text]}]}
            )
            content = await stored(s, number)
            if isinstance(content, Content) and content.state is ContentState.QUEUED:
                queued.append(text)
    assert len(queued) <= (0 if judges else 0.1 * len(texts)), queued


async def test_where_no_model_judges_a_share_of_the_posts_waits_for_the_owner(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock(), account=FREE, held_share=1.0) as s:
        s.endpoint.answer = saying(GOOD)
        content = await stored(s)
        assert isinstance(content, Content) and content.state is ContentState.AWAITING_APPROVAL
        assert "APPROVAL_SHARE" in content.why


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_is_met_and_the_same_text_is_always_in_it_or_never(share: float) -> None:
    ids = [f"content-{number}" for number in range(4000)]
    chosen = [one for one in ids if in_share(one, share)]
    assert abs(len(chosen) / len(ids) - share) < 0.03
    assert all(in_share(one, share) for one in chosen)


async def test_the_reserve_takes_no_text_that_the_owner_must_see(tmp_path: Path) -> None:
    plan = PlanSettings(reserve_days=1)
    async with studio(tmp_path, ManualClock(), account=FREE, judges=("judge",), plan=plan) as s:
        s.endpoint.answer = saying(GRAVE)
        outcome = await s.drafter.write(FREE, slot(purpose=Purpose.RESERVE))
        assert outcome.stored is None and "harms the body" in outcome.why[0]


async def test_of_what_is_drawn_from_the_reserve_the_owner_reads_a_share_too(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock(), account=FREE, held_share=1.0) as s:
        s.endpoint.answer = saying(GOOD)
        assert (await s.drafter.write(FREE, slot(purpose=Purpose.RESERVE))).stored is not None
        due = s.clock.now() + timedelta(hours=2)
        drawn = await s.content_store.draw(FREE, s.drafter.voice, due, "drawn")
        assert drawn is not None and drawn.state is ContentState.AWAITING_APPROVAL
        assert "APPROVAL_SHARE" in drawn.why
