"""The demo's report finds what is lost, doubled or misread."""

from dataclasses import replace
from datetime import UTC, datetime

from stonechat.cli.demonstration.ledger_audit import audit
from stonechat.core.model import Content, ContentKind, Metrics, Snapshot
from stonechat.core.states import ContentState

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
POSTED = Content(
    "c1", "x:a", ContentKind.SINGLE, ContentState.POSTED, ("Sleep  first.",), NOW, NOW, NOW, post_id="1"
)
LIVE = {"id": "1", "text": "Sleep first.", "in_reply_to": None}
SHOWN = {"likes": 3, "reposts": 0, "replies": 1, "quotes": 0, "bookmarks": 0, "views": None}
SHOT = Snapshot("x:a", "1", "c1", NOW, Metrics(3, 0, 1, 0, 0, None), "wire")


def test_a_clean_run_is_clean() -> None:
    found = audit([LIVE], {"1": [SHOWN]}, [POSTED], {"c1": {0: "1"}}, [SHOT])
    assert found.clean
    assert (found.published, found.metrics_read) == (1, 1)


def test_a_post_that_the_network_does_not_have_is_lost() -> None:
    assert audit([], {}, [POSTED], {"c1": {0: "1"}}, []).lost == 1


def test_a_receipt_that_names_somebody_elses_text_is_a_loss() -> None:
    other = {**LIVE, "text": "Something else."}
    assert audit([other], {}, [POSTED], {"c1": {0: "1"}}, []).lost == 1


def test_a_missed_piece_is_lost_too() -> None:
    assert audit([], {}, [replace(POSTED, state=ContentState.MISSED)], {}, []).lost == 1


def test_the_same_text_twice_is_doubled_even_where_our_database_knows_one() -> None:
    twice = [LIVE, {**LIVE, "id": "2"}]
    assert audit(twice, {}, [POSTED], {"c1": {0: "1"}}, []).doubled == 1


def test_a_zero_for_what_was_not_shown_is_misread() -> None:
    shot = replace(SHOT, metrics=replace(SHOT.metrics, views=0))
    assert audit([LIVE], {"1": [SHOWN]}, [POSTED], {"c1": {0: "1"}}, [shot]).metrics_wrong == 1


def test_counts_of_another_post_are_misread() -> None:
    assert audit([LIVE], {"2": [SHOWN]}, [POSTED], {"c1": {0: "1"}}, [SHOT]).metrics_wrong == 1


def test_a_thread_counts_as_one_post_and_a_reply_as_none() -> None:
    part = {"id": "2", "text": "Second.", "in_reply_to": "1"}
    reply = {"id": "3", "text": "Thank you.", "in_reply_to": "900"}
    said = [replace(POSTED, id=n, parts=(t,)) for n, t in (("c2", "Second."), ("c3", "Thank you."))]
    found = audit([LIVE, part, reply], {}, [POSTED, *said], {}, [])
    assert (found.published, found.replies) == (1, 1)


def test_a_post_with_a_text_that_we_never_meant_is_no_clean_run() -> None:
    ghost = {"id": "9", "text": "ghost", "in_reply_to": None}
    assert not audit([LIVE, ghost], {}, [POSTED], {"c1": {0: "1"}}, []).clean


def test_what_was_on_its_way_is_counted_apart() -> None:
    under_way = replace(POSTED, id="c2", state=ContentState.POSTING, parts=("Later.",))
    found = audit([LIVE], {}, [POSTED, under_way], {"c1": {0: "1"}}, [])
    assert (found.unsettled, found.clean) == (1, True)
