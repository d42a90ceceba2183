"""Learning from end to end through texts: posts on the local network by its wire, without a browser.

An arm is chosen, its text written, posted and read again after 48 hours by the network's own GraphQL calls;
the audience knows nothing of arms, it reads the texts. Each seed is played twice: once with the policy, its
holdout included, and once with every arm drawn evenly.
"""

from __future__ import annotations

import json
import math
import random
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from stonechat.core.model import Arm, Choice
from stonechat.learning.arms import Factors
from stonechat.learning.features import Example
from stonechat.learning.model_registry import Lesson, Model
from stonechat.learning.policy import ArmPolicy
from stonechat.learning.predictors import Predictor
from stonechat.learning.reward import Weights
from stonechat.learning.summary import Logged, reviewed
from stonechat.learning.training import train
from stonechat.learning.uplift import Uplift, holdout_share
from stonechat_aviary.opening import EPOCH, Aviary, open_aviary
from stonechat_aviary.ordering import Order
from stonechat_aviary.reading import read_traits
from stonechat_aviary.truth import MAIN_FACTORS
from stonechat_aviary.vocabulary import FACTORS, HOUR_BLOCKS
from stonechat_aviary.writing import Author

Row = dict[str, Any]
_PER_DAY = 8
_MATURE_DAYS = 2
_DAY = 86_400.0
_LATE = 100
_TRIES = 4
_DRAFTS = 3
_MATURITY = timedelta(days=_MATURE_DAYS)
_OFFERED: Factors = {name: FACTORS[name] for name in MAIN_FACTORS}


@dataclass
class Sent:
    """A post of a run.

    Attributes:
        worth: what its text and hour add to the log outcome, as the network's hidden truth has it.
    """

    post_id: str
    at: float
    choice: Choice
    worth: float
    text: str
    engagement: float = 0.0


@dataclass
class Run:
    """One run of one seed."""

    sent: list[Sent] = field(default_factory=list)
    uplift: Uplift | None = None

    def late(self) -> float:
        """Mean engagement of the last hundred posts."""
        return statistics.fmean(one.engagement for one in self.sent[-_LATE:])


async def bench_through_text(seeds: int = 10, posts: int = 400) -> list[Row]:
    """Engagement of the last hundred posts against choosing evenly, and whether the interval holds."""
    gains, covered = [], 0
    for seed in range(seeds):
        learned, even = await _Player(seed, posts).play(), await _Player(seed, posts, even=True).play()
        gains.append(learned.late() / even.late())
        true = _true_uplift(learned, even)
        found = learned.uplift
        covered += bool(
            found and found.low is not None and found.high is not None and found.low <= true <= found.high
        )
    return [
        _row(
            f"engagement of the last {_LATE} of {posts} posts by choosing evenly, median",
            statistics.median(gains),
            1.5,
        ),
        _row("the same, least of the seeds", min(gains), None),
        _row(f"uplift intervals that hold, of {seeds}", covered, 0.9 * seeds),
    ]


def _row(measure: str, ours: float, least: float | None) -> Row:
    met = None if least is None else ours >= least
    goal = "" if least is None else f">= {least:g}"
    return {"measure": measure, "ours": round(ours, 3), "peer": None, "ratio": None, "goal": goal, "met": met}


def _true_uplift(learned: Run, even: Run) -> float:
    """What the learned posts' texts and hours are worth above those of arms drawn evenly, post for post."""
    pairs = zip(learned.sent, even.sent, strict=True)
    judged = [(mine.worth, theirs.worth) for mine, theirs in pairs if not mine.choice.holdout]
    return statistics.fmean(mine for mine, _ in judged) - statistics.fmean(theirs for _, theirs in judged)


class _Player:
    """Posts its way through one seed's world."""

    def __init__(self, seed: int, posts: int, *, even: bool = False) -> None:
        self._seed, self._posts, self._even = seed, posts, even
        self._rng = random.Random(f"{seed} {even}")
        self._author = Author(seed + 1_000)
        self._model = Model.new(_OFFERED)
        self._log: list[Logged] = []
        self._run = Run()

    async def play(self) -> Run:
        async with open_aviary(seed=self._seed) as network:
            account = next(iter(network.world.accounts.values()))
            cookies = {"auth_token": account.auth_token, "ct0": account.ct0}
            headers = {"x-csrf-token": account.ct0}
            async with httpx.AsyncClient(base_url=network.url, cookies=cookies, headers=headers) as wire:
                for day in range(1, -(-self._posts // _PER_DAY) + _MATURE_DAYS + 2):
                    await self._live(day, network, wire)
        self._run.uplift = reviewed(self._model, self._log).uplift
        return self._run

    async def _live(self, day: int, network: Aviary, wire: httpx.AsyncClient) -> None:
        morning = (EPOCH.timestamp() // _DAY + day) * _DAY
        await self._learn(morning, network, wire)
        wanted = min(_PER_DAY, self._posts - len(self._run.sent))
        for at, choice in sorted(self._plan(day, morning, wanted), key=lambda pair: pair[0]):
            _advance(network, at)
            self._run.sent.append(await self._post(at, choice, network, wire))

    def _plan(self, day: int, morning: float, count: int) -> list[tuple[float, Choice]]:
        share = 1.0 if self._even else holdout_share(len(self._run.sent))
        self._model = self._model.with_share(day, share)
        choices = ArmPolicy(self._model.bandit, day, share).choose(count, self._rng)
        return [(morning + self._moment(choice.arm), choice) for choice in choices]

    def _moment(self, arm: Arm) -> float:
        return 4 * 3600 * HOUR_BLOCKS.index(arm["hour_block"]) + self._rng.uniform(60, 4 * 3600 - 60)

    async def _post(self, at: float, choice: Choice, network: Aviary, wire: httpx.AsyncClient) -> Sent:
        for attempt in range(_TRIES + 1):
            text = self._write(at, choice)
            if attempt == _TRIES:  # the writer has nothing new to say of it: the text gets a number
                text = f"{text.rstrip('.')} #{len(self._run.sent)}."
            body = {"variables": {"tweet_text": text}}
            answer = (await wire.post("/i/api/graphql/x/CreateTweet", content=json.dumps(body))).json()
            if "errors" not in answer:
                break
        post_id = answer["data"]["create_tweet"]["tweet_results"]["result"]["rest_id"]
        hidden = network.world.truth.outcome("", len(self._run.sent), at, read_traits(text, at))
        return Sent(post_id, at, choice, hidden.effects + hidden.interactions, text)

    def _write(self, at: float, choice: Choice) -> str:
        return self._of_arm(choice.arm)

    def _of_arm(self, arm: Arm) -> str:
        order = Order(topic=arm["topic"], hook=arm["hook"], format=arm["format"])
        return self._author.write(order)[0].text

    async def _learn(self, now: float, network: Aviary, wire: httpx.AsyncClient) -> None:
        _advance(network, now)
        ripe = self._run.sent[len(self._log) :]
        lessons = []
        for sent in ripe:
            if sent.at > now - _MATURE_DAYS * _DAY:
                break
            sent.engagement = await _engagement(wire, sent.post_id)
            lesson = Lesson(len(self._log) + 1, sent.choice.arm, math.log1p(sent.engagement))
            self._log.append(Logged(lesson, sent.choice.holdout, sent.choice.model_version))
            lessons.append(lesson)
        self._model, _ = self._model.learned(lessons)


class _Ranking(_Player):
    """Learns from arms drawn evenly; then writes three drafts a slot and posts the best ranked, or any.

    Attributes:
        ranked, by_chance: numbers of the posts that were chosen either way, by a coin for each slot.
    """

    def __init__(self, seed: int, taught: int, posts: int) -> None:
        super().__init__(seed, taught + posts, even=True)
        self._taught = taught
        self._predictor: Predictor | None = None
        self.ranked: set[int] = set()
        self.by_chance: set[int] = set()

    def _write(self, at: float, choice: Choice) -> str:
        number = len(self._run.sent)
        if number < self._taught:
            return super()._write(at, choice)
        arms = [ArmPolicy(self._model.bandit, 0, 1.0).choose(1, self._rng)[0].arm for _ in range(_DRAFTS)]
        drafts = [self._of_arm(arm) for arm in arms]
        # The coin is thrown for the slot, not for each attempt: a refused text must not change sides.
        chance = number in self.by_chance or (number not in self.ranked and self._rng.random() < 0.5)
        (self.by_chance if chance else self.ranked).add(number)
        return self._rng.choice(drafts) if chance else self._best(drafts, at)

    def _best(self, drafts: list[str], at: float) -> str:
        """The draft that the predictor expects most of; it knows texts and moments, not arms."""
        history = [
            Example(sent.text, _moment(sent.at), math.log1p(sent.engagement) if known else None)
            for number, sent in enumerate(self._run.sent)
            for known in [number < len(self._log)]
        ]
        if self._predictor is None:
            self._predictor = train([one for one in history if one.value is not None], _MATURITY)
        slots = [Example(text, _moment(at)) for text in drafts]
        found = self._predictor.predict([*history, *slots], len(history), apart=True)
        return max(zip(found, drafts, strict=True), key=lambda pair: pair[0].value)[1]

    def rewards(self, numbers: set[int]) -> list[float]:
        """Log engagement of these posts."""
        return [math.log1p(self._run.sent[number].engagement) for number in sorted(numbers)]


async def bench_ranked_drafts(seeds: int = 10, taught: int = 250, posts: int = 200) -> list[Row]:
    """Whether the draft ranked first does better than one taken by chance, in per cent of engagement."""
    ranked: list[float] = []
    by_chance: list[float] = []
    for seed in range(seeds):
        player = _Ranking(seed, taught, posts)
        await player.play()
        ranked += player.rewards(player.ranked)
        by_chance += player.rewards(player.by_chance)
    gain = statistics.fmean(ranked) - statistics.fmean(by_chance)
    error = math.sqrt(sum(statistics.variance(one) / len(one) for one in (ranked, by_chance)))
    low, high = (math.expm1(gain + side * 1.96 * error) for side in (-1, 1))
    count = f"{len(ranked)} posts by rank, {len(by_chance)} by chance, of {_DRAFTS} drafts"
    return [
        _row(f"engagement gained, {count}", math.expm1(gain), None),
        _row("the same, lower end of the 95 % interval", low, 0.0),
        _row("the same, upper end", high, None),
    ]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _advance(network: Aviary, at: float) -> None:
    network.world.clock.advance(max(0.0, at - network.world.clock.now()))


async def _engagement(wire: httpx.AsyncClient, post_id: str) -> float:
    asked = {"variables": json.dumps({"tweetId": post_id})}
    answer = (await wire.get("/i/api/graphql/x/TweetResultByRestId", params=asked)).json()
    shown = answer["data"]["tweetResult"]["result"]["legacy"]
    w = Weights()
    return float(
        w.likes * shown["favorite_count"]
        + w.reposts * shown["retweet_count"]
        + w.replies * shown["reply_count"]
        + w.quotes * shown["quote_count"]
        + w.bookmarks * shown["bookmark_count"]
    )
