"""Writes what an order asks for, and does not repeat itself."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rapidfuzz import fuzz, process

from stonechat_aviary.chance import chance, pick
from stonechat_aviary.composing import compose, compose_reply, continue_thread
from stonechat_aviary.ideas import Idea, load_ideas
from stonechat_aviary.ordering import Order
from stonechat_aviary.reading import read_format, read_hook, read_length, read_topic
from stonechat_aviary.remarks import ANSWERS, ANSWERS_ABOUT, QUESTIONS, QUESTIONS_ABOUT, SMALL_TALK
from stonechat_aviary.vocabulary import FORMATS, HOOKS, TOPICS
from stonechat_aviary.weighing import weighted_length

TRIES = 14
"""Texts composed for each draft, of which the best is given."""
_REMEMBERED = 400
_ALIKE = 66.0
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Draft:
    """A written text: its parts, and what it turned out to be."""

    parts: tuple[str, ...]
    topic: str
    hook: str
    format: str

    @property
    def text(self) -> str:
        """All parts, a blank line between them."""
        return "\n\n".join(self.parts)


class Author:
    """A seeded writer that remembers what it wrote."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._ideas = load_ideas()
        self._calls = 0
        self._uses: Counter[str] = Counter()
        self._written: deque[str] = deque(maxlen=_REMEMBERED)

    def remember(self, texts: Iterable[str]) -> None:
        """Do not write ``texts`` again (they are live already)."""
        for text in texts:
            self._written.append(text)
            self._calls += 1

    def write(self, order: Order) -> list[Draft]:
        """As many drafts as asked for, no two about the same thing where that can be helped."""
        drafts: list[Draft] = []
        for _ in range(order.drafts):
            self._calls += 1
            rng = chance(self._seed, "author", self._calls)
            drafts.append(self._reply(order, rng) if order.kind == "reply" else self._post(order, rng))
        return drafts

    def chat(self, rng: np.random.Generator, topic: str) -> str:
        """A post of one of the others about ``topic``; depends on ``rng`` alone."""
        if rng.random() < 0.4:
            return pick(rng, SMALL_TALK[topic])
        idea = pick(rng, self._ideas[topic])
        text, _ = compose(idea, rng, hook=pick(rng, HOOKS), layout=pick(rng, FORMATS), ending=False)
        return text if weighted_length(text) <= 280 else idea.claim[0]

    def ask(self, rng: np.random.Generator, handle: str) -> str:
        """A post of one of the others that speaks to ``handle``; depends on ``rng`` alone."""
        if rng.random() < 0.15:
            return pick(rng, QUESTIONS).format(handle=handle)
        idea = pick(rng, self._ideas[pick(rng, tuple(TOPICS))])
        return pick(rng, QUESTIONS_ABOUT).format(handle=handle, subject=idea.subject)

    def respond(self, rng: np.random.Generator, handle: str, topic: str | None) -> str:
        """An answer of one of the others to a post by ``handle``; depends on ``rng`` alone."""
        if topic is None or rng.random() < 0.4:
            return pick(rng, ANSWERS).format(handle=handle)
        return pick(rng, ANSWERS_ABOUT).format(handle=handle, subject=pick(rng, self._ideas[topic]).subject)

    def _post(self, order: Order, rng: np.random.Generator) -> Draft:
        topic = order.topic or pick(rng, tuple(TOPICS))
        hook = order.hook or pick(rng, HOOKS)
        layout = order.format or pick(rng, FORMATS)
        best: tuple[float, str, tuple[str, ...], Idea] | None = None
        for _ in range(TRIES):
            idea = pick(rng, self._ideas[topic])
            ending = not order.tone.startswith("dry")
            text, used = compose(idea, rng, hook=hook, layout=layout, length=order.length, ending=ending)
            score = self._worth(text, used, order, (topic, hook, layout))
            if best is None or score > best[0]:
                best = (score, text, used, idea)
        assert best is not None  # noqa: S101 - TRIES is greater than 0
        _, text, used, idea = best
        parts = [text]
        if order.kind == "thread":
            parts += continue_thread(idea, rng, max(2, order.parts), used)
        self._keep(parts[0], used)
        return Draft(tuple(parts), topic, hook, layout)

    def _reply(self, order: Order, rng: np.random.Generator) -> Draft:
        topic = read_topic(order.foreign) or order.topic or pick(rng, tuple(TOPICS))
        best, least = "", float("inf")
        for _ in range(TRIES):
            text = compose_reply(pick(rng, self._ideas[topic]), rng, question="?" in order.foreign)
            cost = self._likeness(text) + (500 if _echoes(text, order.foreign) else 0)
            cost += 500 if weighted_length(text) > order.max_length else 0
            if cost < least:
                best, least = text, cost
        self._keep(best, ())
        return Draft((best,), topic, "reply", "plain")

    def _worth(self, text: str, used: tuple[str, ...], order: Order, asked: tuple[str, str, str]) -> float:
        """How well a text serves: as asked first, then fresh."""
        topic, hook, layout = asked
        score = -8.0 * sum(self._uses[phrase] for phrase in used) / max(1, len(used))
        score += 40 * (read_topic(text) == topic) + 40 * (read_hook(text) == hook)
        score += 40 * (read_format(text) == layout) + 12 * (read_length(text) == order.length)
        score -= 1000 if weighted_length(text) > min(order.max_length, 280) else 0
        score -= 60 if any(text.startswith(said[:30]) for said in order.recent if said) else 0
        return score - 2.0 * max(0.0, self._likeness(text) - _ALIKE)

    def _likeness(self, text: str) -> float:
        found = process.extractOne(text, self._written, scorer=fuzz.ratio, score_cutoff=_ALIKE)
        return float(found[1]) if found else 0.0

    def _keep(self, text: str, used: tuple[str, ...]) -> None:
        self._written.append(text)
        self._uses.update(used)


def _echoes(text: str, foreign: str) -> bool:
    """Whether four words in a row, or a strange word, come from the foreign post."""
    ours = [word.lower() for word in _WORD.findall(text)]
    theirs = [word.lower() for word in _WORD.findall(foreign)]
    runs = {tuple(theirs[n : n + 4]) for n in range(len(theirs) - 3)}
    if any(tuple(ours[n : n + 4]) in runs for n in range(len(ours) - 3)):
        return True
    loud = {w.lower() for w in _WORD.findall(foreign) if any(c.isdigit() for c in w) or not w[1:].islower()}
    return any(len(word) > 3 and word in loud for word in ours)
