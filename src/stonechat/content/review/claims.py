"""The claims policy: what an account in a field such as health or finance must not say."""

from __future__ import annotations

from stonechat.content.review import patterns
from stonechat.content.review.draft_review import Bounds, Draft

_HEALTH = (
    ("gives a dosage", patterns.DOSAGE),
    ("advises for or against a medicine", patterns.MEDICINE),
    ("makes a diagnosis", patterns.DIAGNOSIS),
    ("speaks of a cure", patterns.CURE),
    ("guarantees something", patterns.GUARANTEE),
)
_FINANCE = (
    ("gives financial advice or promises a gain", patterns.FINANCE),
    ("guarantees something", patterns.GUARANTEE),
)


def claims(draft: Draft, bounds: Bounds) -> str | None:
    """No dosage, diagnosis, cure or guarantee; a figure only with a source that the voice file names."""
    policy = bounds.voice.claims_policy
    text = draft.text
    rules = (*(_HEALTH if "health" in policy else ()), *(_FINANCE if "finance" in policy else ()))
    for why, pattern in rules:
        if pattern.search(text):
            return str(why)
    if policy and patterns.FIGURE.search(text) and not _credited(text, bounds):
        return "gives a figure without a known source"
    return None


def _credited(text: str, bounds: Bounds) -> bool:
    folded = text.casefold()
    return any(source.casefold() in folded for source in bounds.voice.sources)
