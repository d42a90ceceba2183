"""The bound on clicks, over ten thousand drawn histories of answers, looks and decisions by a human."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.database.repositories.receipts import Attempt
from stonechat.posting.resending import clicked_out, clicks

SEEDS = 10_000
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
UNCLICKED = ("refused", "unreached", "rehearsed")
KNOWN_END = ("partial", "declined")
UNKNOWN = (None, "unconfirmed", "duplicate", "absent", "anything that a later version writes")


def attempt(number: int, parts_from: int, outcome: str | None, at: datetime) -> Attempt:
    return Attempt(
        id=str(number),
        content_id="a",
        account_id="x",
        number=number,
        fence=number,
        fingerprint="",
        parts_from=parts_from,
        started_at=at,
        started_wall=at,
        outcome=outcome,
        detail="",
    )


def sent_and_shown(rng: random.Random, left: int, outcome: str | None) -> tuple[int, int]:
    """How many parts the try really sent, and how many of them are known to be live afterwards."""
    if outcome in UNCLICKED:
        return 0, 0
    if outcome == "declined":
        return 1, 0
    sent = rng.randint(1, left)
    return sent, sent - 1 if outcome == "partial" else rng.randint(0, sent)


@pytest.mark.parametrize("resends", [0, 1, 2])
def test_no_part_is_sent_more_often_than_the_bound_between_two_decisions_of_a_human(resends: int) -> None:
    for seed in range(SEEDS):
        rng = random.Random(seed)
        parts, done, at = rng.randint(1, 5), 0, NOW
        tries: list[Attempt] = []
        sent: Counter[int] = Counter()
        decided: datetime | None = None
        for number in range(1, 14):
            at += timedelta(minutes=1)
            if clicked_out(tries, done, decided, resends):
                if rng.random() < 0.7:
                    break
                decided, sent = at, Counter()
            outcome = rng.choice(UNCLICKED + KNOWN_END * 2 + UNKNOWN * 2)
            tries.append(attempt(number, done, outcome, at))
            made, shown = sent_and_shown(rng, parts - done, outcome)
            sent.update(range(done, done + made))
            assert all(count <= 1 + resends for count in sent.values()), f"seed {seed}: {tries}"
            done += shown
            if done == parts:
                break


def test_a_text_that_was_never_clicked_may_be_tried_for_ever() -> None:
    tries = [attempt(n, 0, "refused", NOW) for n in range(20)]
    assert clicks(tries, 0) == 0
    assert clicked_out(tries, 0, None, 0) == ""


def test_the_reason_says_how_often_and_what_to_do() -> None:
    tries = [attempt(1, 0, "absent", NOW), attempt(2, 0, "declined", NOW)]
    assert clicked_out(tries, 0, None, 1).startswith("it was sent 2 times")
    assert "look at the profile" in clicked_out(tries, 0, None, 1)
    assert clicked_out(tries, 0, None, 2) == ""
    assert clicked_out(tries, 0, NOW + timedelta(seconds=1), 0) == "", "a human has decided since"
