"""The world as a whole: seeds, posting, counts, taste, followers."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest

from stonechat_aviary.ordering import Order
from stonechat_aviary.posts import Post
from stonechat_aviary.searching import parse_query
from stonechat_aviary.vocabulary import FACTORS, FORMATS, HOOKS, TOPICS
from stonechat_aviary.world import Refusal, World
from stonechat_aviary.writing import Author
from tests.unit.local_network.conftest import EPOCH, make_world

DAY = 86_400.0
HANDLE = "quietbuilder"


def post(world: World, text: str, reply_to: str | None = None) -> Post:
    made = world.publish(HANDLE, text, reply_to, {})
    assert isinstance(made, Post)
    return made


def everything(world: World) -> list[tuple[str, str, str]]:
    now = world.now()
    return [(p.id, p.author, p.text) for p in world.search(parse_query(""), now, latest=True)]


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    one, same, other = make_world(7), make_world(7), make_world(8)
    for world in (one, same, other):
        post(world, "Why do you sleep so late?")
        world.clock.advance(1.5 * DAY)
    assert everything(one) == everything(same)
    assert everything(one) != everything(other)
    now = one.now()
    shown = one.home(HANDLE, now)
    assert shown
    for left, right in zip(shown, same.home(HANDLE, now), strict=True):
        assert one.counts(left, now) == same.counts(right, now)


def test_counts_do_not_depend_on_who_looked_before() -> None:
    watched, unwatched = make_world(), make_world()
    posts = [post(world, "One quiet hour before bed.") for world in (watched, unwatched)]
    for _ in range(20):
        watched.clock.advance(DAY / 10)
        watched.counts(posts[0], watched.now())
    unwatched.clock.advance(2 * DAY)
    assert watched.counts(posts[0], EPOCH + 2 * DAY) == unwatched.counts(posts[1], EPOCH + 2 * DAY)


def test_ids_grow_with_time_even_within_one_moment(world: World) -> None:
    ids = [int(post(world, f"Sleep {n}.").id) for n in range(5)]
    world.clock.advance(60)
    ids.append(int(post(world, "Sleep later.").id))
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("text", "reply_to", "code"),
    [("x" * 281, None, 186), ("字" * 141, None, 186), ("  ", None, 170), ("An answer.", "12345", 385)],
)
def test_what_x_refuses_is_refused_with_its_code(
    world: World, text: str, reply_to: str | None, code: int
) -> None:
    refusal = world.publish(HANDLE, text, reply_to, {})
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert list(world.ledger) == []


def test_the_same_text_twice_is_a_duplicate_unless_the_lever_allows_it(world: World) -> None:
    first = post(world, "Close the tabs.")
    again = world.publish(HANDLE, "Close  the tabs. ", None, {})
    assert isinstance(again, Refusal)
    assert again.code == 187
    assert isinstance(world.publish(HANDLE, "Close the tabs.", first.id, {}), Post)
    assert isinstance(world.publish(HANDLE, "Close the tabs.", None, {}, refuse_duplicates=False), Post)


def test_a_thread_hangs_together_and_only_its_root_is_numbered(world: World) -> None:
    root = post(world, "A walk in three parts.")
    second = post(world, "The second part.", root.id)
    third = post(world, "The third part.", second.id)
    assert {root.conversation, second.conversation, third.conversation} == {root.id}
    assert [entry.ordinal for entry in world.ledger] == [0, None, None]
    assert world.counts(root, world.now()).replies == 1
    assert {p.id for p in world.posts_of(HANDLE, world.now(), replies=False)} == {
        root.id,
        second.id,
        third.id,
    }


def test_an_answer_to_somebody_is_shown_among_the_replies_only(world: World) -> None:
    world.clock.advance(3600)
    mention = world.mentions(HANDLE, world.now())[0]
    before = world.counts(mention, world.now()).replies
    answer = post(world, "It helps to write it down.", mention.id)
    assert world.counts(mention, world.now()).replies == before + 1
    assert answer not in world.posts_of(HANDLE, world.now(), replies=False)
    assert answer in world.posts_of(HANDLE, world.now(), replies=True)


def test_somebody_speaks_to_the_account_within_the_first_hour(world: World) -> None:
    assert world.mentions(HANDLE, EPOCH + 60) == []
    world.clock.advance(3600)
    first = world.mentions(HANDLE, world.now())[-1]
    assert f"@{HANDLE}" in first.text
    assert first.author != HANDLE


def test_those_who_speak_to_the_account_rarely_say_the_same(world: World) -> None:
    for _ in range(10):
        world.clock.advance(DAY)
        world.now()
    texts = [p.text for p in world.mentions(HANDLE, world.now())]
    assert len(texts) > 15
    assert len(set(texts)) > 0.8 * len(texts)


def test_shown_replies_are_no_more_than_the_count_says(world: World) -> None:
    made = [post(world, f"Read {n} pages and take notes.") for n in range(12)]
    world.clock.advance(2 * DAY)
    now = world.now()
    shown = [len(world.answers(p.id, now)) for p in made]
    assert all(n <= world.counts(p, now).replies for n, p in zip(shown, made, strict=True))
    assert any(shown)


def test_posts_of_the_future_are_not_shown(world: World) -> None:
    now = world.now()
    shown = world.home(HANDLE, now)
    assert shown
    assert all(p.at <= now for p in shown)
    assert world.search(parse_query("until:2030-01-01"), now, latest=True)[0].at <= now


def test_search_finds_by_words_likes_and_author(world: World) -> None:
    now = world.now()
    loud = world.search(parse_query("min_faves:100 -filter:replies"), now, latest=False)
    likes = [world.counts(p, now).likes for p in loud]
    assert likes == sorted(likes, reverse=True)
    assert min(likes) >= 100
    author = loud[0].author
    assert {p.author for p in world.search(parse_query(f"from:{author}"), now, latest=True)} == {author}


def test_some_posts_of_others_go_viral_and_some_carry_injections(world: World) -> None:
    for _ in range(12):
        world.clock.advance(DAY)
        world.now()
    now = world.now()
    everyone = world.search(parse_query("since:2026-01-01"), now, latest=False)
    assert world.counts(everyone[0], now).likes > 40 * statistics.median(
        world.counts(p, now).likes for p in everyone
    )
    assert any(
        "instructions" in p.text.lower() or "system" in p.text.lower() for p in world.mentions(HANDLE, now)
    )


def test_followers_come_with_posts_and_go_day_by_day() -> None:
    posting, silent = make_world(), make_world()
    for n in range(30):
        post(posting, f"{n} pages of a good book before bed.")
    for world in (posting, silent):
        world.clock.advance(3 * DAY)
    numbers = [silent.followers(HANDLE, EPOCH + hour * 3600.0) for hour in range(72)]
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    assert min(steps) < 0 < max(steps)
    assert posting.followers(HANDLE, posting.now()) > silent.followers(HANDLE, silent.now())


def test_what_the_audience_likes_shows_in_the_mean_of_many_posts() -> None:
    """The best topic, hook and format by the hidden truth earn clearly more than the worst."""
    author = Author(11)
    logs: dict[str, list[float]] = {"best": [], "worst": []}
    for seed in range(6):
        world = make_world(seed)
        effects = world.truth.as_json()["effects"]
        chosen = {
            "best": {f: max(effects[f], key=effects[f].get) for f in ("topic", "hook", "format")},
            "worst": {f: min(effects[f], key=effects[f].get) for f in ("topic", "hook", "format")},
        }
        made: list[tuple[str, Post]] = []
        for n in range(24):
            kind = ("best", "worst")[n % 2]
            order = Order(**chosen[kind], length="medium")
            made.append((kind, post(world, author.write(order)[0].text)))
        world.clock.advance(4 * DAY)
        now = world.now()
        for kind, p in made:
            counts = world.counts(p, now)
            logs[kind].append(math.log1p(counts.likes + counts.reposts + counts.replies + counts.quotes))
    assert statistics.mean(logs["best"]) - statistics.mean(logs["worst"]) > 1.0


def test_the_arms_named_in_the_vocabulary_are_six_a_factor() -> None:
    assert [len(levels) for levels in (tuple(TOPICS), HOOKS, FORMATS, FACTORS["hour_block"])] == [6, 6, 6, 6]
