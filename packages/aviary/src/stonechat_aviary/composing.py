"""Puts a post together from an idea: an opening of the asked kind, a body of the asked layout, an ending."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from stonechat_aviary.chance import pick
from stonechat_aviary.ideas import Idea

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_COUNTS = {2: "Two", 3: "Three", 4: "Four"}
_LABELS = (("Before", "After"), ("Less", "More"), ("Then", "Now"), ("Tired way", "Calm way"))
_ROOMY = {"short": 0, "medium": 1, "long": 2}


@dataclass
class Sheet:
    """A post in the making: what was used is not used again in it."""

    idea: Idea
    rng: np.random.Generator
    room: int
    used: list[str] = field(default_factory=list)

    def take(self, options: tuple[str, ...]) -> str:
        """One of ``options`` that the post does not have yet."""
        fresh = [option for option in options if option not in self.used]
        chosen = pick(self.rng, fresh or list(options))
        self.used.append(chosen)
        return chosen

    def take_advice(self, count: int) -> list[str]:
        """``count`` pieces of advice, in the order in which they make sense."""
        fresh = [advice for advice in self.idea.do if advice not in self.used]
        places = sorted(self.rng.choice(len(fresh), size=min(count, len(fresh)), replace=False))
        chosen = [fresh[place] for place in places]
        self.used.extend(chosen)
        return chosen


def compose(
    idea: Idea,
    rng: np.random.Generator,
    *,
    hook: str,
    layout: str,
    length: str = "medium",
    ending: bool = True,
) -> tuple[str, tuple[str, ...]]:
    """A post about ``idea``, and the phrases that it is made of.

    Args:
        hook, layout, length: levels of ``vocabulary.FACTORS`` (layout is the factor ``format``).
        ending: whether the post may end with a closing sentence.
    """
    sheet = Sheet(idea, rng, _ROOMY.get(length, 1))
    listing = layout in {"list", "steps"}
    opening = _OPENINGS[hook](sheet, listing, layout)
    body = _BODIES[layout](sheet, opening)
    if ending and layout != "one_liner" and sheet.room > 0 and rng.random() < 0.35 + 0.3 * sheet.room:
        gap = "\n\n" if "\n" in body else " "
        body += gap + sheet.take(idea.close)
    return body, tuple(sheet.used)


# -------------------------------------------------------------------- openings


def _question(sheet: Sheet, listing: bool, layout: str) -> str:
    if sheet.rng.random() < 0.7:
        return sheet.take(sheet.idea.question)
    return f"Could you {sheet.take_advice(1)[0]} this week?"


def _number(sheet: Sheet, listing: bool, layout: str) -> str:
    if listing and sheet.rng.random() < 0.6:
        count = 2 if sheet.room == 0 else 3
        goal = sheet.take(sheet.idea.goal)
        return f"{_COUNTS[count]} {pick(sheet.rng, ('ways', 'small ways', 'steps'))} to {goal}:"
    if sheet.rng.random() < 0.8:
        return sheet.take(sheet.idea.number)
    return f"One small thing for today: {sheet.take_advice(1)[0]}."


def _story(sheet: Sheet, listing: bool, layout: str) -> str:
    if sheet.rng.random() < 0.75:
        return sheet.take(sheet.idea.scene)
    return f"It is an ordinary {pick(sheet.rng, _WEEKDAYS)} and the plan is small: {sheet.take_advice(1)[0]}."


def _bold_claim(sheet: Sheet, listing: bool, layout: str) -> str:
    return sheet.take(sheet.idea.claim if layout == "quote" else sheet.idea.claim + sheet.idea.saying)


def _how_to(sheet: Sheet, listing: bool, layout: str) -> str:
    start = pick(sheet.rng, ("How to", "How to", "How to", "A simple way to"))
    return f"{start} {sheet.take(sheet.idea.goal)}:"


def _contrarian(sheet: Sheet, listing: bool, layout: str) -> str:
    if sheet.rng.random() < 0.8:
        return sheet.take(sheet.idea.against)
    return (
        f"{pick(sheet.rng, ('Forget the big plan', 'Forget the perfect system'))}: {sheet.take_advice(1)[0]}."
    )


_OPENINGS: dict[str, Callable[[Sheet, bool, str], str]] = {
    "question": _question,
    "number": _number,
    "story": _story,
    "bold_claim": _bold_claim,
    "how_to": _how_to,
    "contrarian": _contrarian,
}

# -------------------------------------------------------------------- bodies


def _plain(sheet: Sheet, opening: str) -> str:
    sentences = [opening]
    if opening.endswith(":"):
        sentences[0] += f" {', then '.join(sheet.take_advice(1 + (sheet.room > 0)))}."
    plans = (("why",), ("do",), ("close",)), (("why", "do"), ("do", "why"), ("do", "then")), (
        ("why", "do", "why"), ("do", "why", "do"), ("why", "then", "saying"),
    )  # fmt: skip
    sentences.extend(_sentence(sheet, step) for step in pick(sheet.rng, plans[sheet.room]))
    return " ".join(sentences)


def _sentence(sheet: Sheet, step: str) -> str:
    if step == "do":
        return capital(sheet.take_advice(1)[0]) + "."
    if step == "then":
        first, second = sheet.take_advice(2)
        return f"{capital(first)}, and then {second}."
    options: tuple[str, ...] = getattr(sheet.idea, step)
    return sheet.take(options)


def _items(sheet: Sheet, opening: str, marks: tuple[str, ...]) -> str:
    count = (2, 3, 3)[sheet.room]
    count = next((n for n, word in _COUNTS.items() if opening.startswith(f"{word} ")), count)
    lines = [f"{mark} {capital(item)}" for mark, item in zip(marks, sheet.take_advice(count), strict=False)]
    return f"{opening}\n\n" + "\n".join(lines)


def _list(sheet: Sheet, opening: str) -> str:
    return _items(sheet, opening, (pick(sheet.rng, ("-", "•")),) * 4)


def _steps(sheet: Sheet, opening: str) -> str:
    return _items(sheet, opening, ("1.", "2.", "3.", "4."))


def _one_liner(sheet: Sheet, opening: str) -> str:
    return f"{opening} {sheet.take_advice(1)[0]}." if opening.endswith(":") else opening


def _quote(sheet: Sheet, opening: str) -> str:
    start = opening
    if opening.endswith(":"):
        start += f" {sheet.take_advice(1)[0]}."
    text = f"{start}\n\n“{sheet.take(sheet.idea.saying)}”"
    return text if sheet.room == 0 else f"{text}\n\n{sheet.take(sheet.idea.why)}"


def _comparison(sheet: Sheet, opening: str) -> str:
    worse, better = pick(sheet.rng, sheet.idea.contrast)
    sheet.used.append(worse)
    first, second = pick(sheet.rng, _LABELS)
    text = f"{opening}\n\n{first}: {worse}\n{second}: {better}"
    return f"{text}\n\n{sheet.take(sheet.idea.why)}" if sheet.room > 1 else text


_BODIES: dict[str, Callable[[Sheet, str], str]] = {
    "plain": _plain,
    "list": _list,
    "steps": _steps,
    "one_liner": _one_liner,
    "quote": _quote,
    "comparison": _comparison,
}

# -------------------------------------------------------------------- threads and replies


def continue_thread(idea: Idea, rng: np.random.Generator, parts: int, used: tuple[str, ...]) -> list[str]:
    """The parts of a thread after its first: advice with its reason, and an ending."""
    sheet = Sheet(idea, rng, 1, list(used))
    texts = []
    for number in range(parts - 1):
        last = number == parts - 2
        advice = (
            capital(sheet.take_advice(1)[0])
            if len(set(idea.do) - set(sheet.used))
            else sheet.take(idea.saying)
        )
        text = f"{advice.rstrip('.')}. {sheet.take(idea.why)}"
        texts.append(f"{text}\n\n{sheet.take(idea.close)}" if last else text)
    return texts


_TO_A_QUESTION = (
    "A good place to begin: {do}. {why}",
    "It helps to {do}. {why}",
    "Perhaps the smallest version of it: {do}. {close}",
    "On the hard ones, only this: {do}. {why}",
    "Short answer: {do}. Longer answer: {why}",
    "{why} So the first move would be to {do}.",
    "Two things tend to stay: {do}, and {do2}.",
)
_TO_A_REMARK = (
    "Well put. {why}",
    "Glad it was of use. {saying}",
    "Yes, and it gets easier once you {do}.",
    "Nice to hear. {why} {close}",
    "That is the part that many leave out. {why}",
    "A gentle addition: {do}. {close}",
    "Agreed. {saying}",
)


def compose_reply(idea: Idea, rng: np.random.Generator, *, question: bool) -> str:
    """An answer to somebody's post about the idea's topic."""
    sheet = Sheet(idea, rng, 1)
    first, second = sheet.take_advice(2)
    return pick(rng, _TO_A_QUESTION if question else _TO_A_REMARK).format(
        do=first,
        do2=second,
        why=sheet.take(idea.why),
        saying=sheet.take(idea.saying),
        close=sheet.take(idea.close),
    )


def capital(text: str) -> str:
    """``text`` with its first letter upper case."""
    return text[:1].upper() + text[1:]
