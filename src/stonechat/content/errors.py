"""Errors of language models and of the budget."""

from __future__ import annotations

from datetime import timedelta

from stonechat.core.errors import Permanent, Transient


class ModelTrouble(Transient):
    """A model is down, slow, rate limited or answers garbage.

    Attributes:
        spent: prompt and completion tokens, where it answered uselessly but said what it used.
        maybe_billed: the call may have been served and billed although no answer arrived.
        not_made: the endpoint's breaker turned the call away; trying at once again is no use.
    """

    def __init__(
        self,
        what: str,
        *,
        meaning: str = "",
        remedy: str = "",
        retry_after: timedelta | None = None,
        spent: tuple[int, int] | None = None,
        maybe_billed: bool = False,
        not_made: bool = False,
    ) -> None:
        super().__init__(what, meaning=meaning, remedy=remedy, retry_after=retry_after)
        self.spent = spent
        self.maybe_billed = maybe_billed
        self.not_made = not_made


class AnswerCutOff(ModelTrouble):
    """A model's answer did not fit into the ceiling of the request: the same ceiling would cut it off
    again.
    """


class ModelRefused(Permanent):
    """A model does not accept the key, its own name or the request, or does not want to write it.

    Attributes:
        spent: prompt and completion tokens, where it was billed all the same.
    """

    def __init__(
        self, what: str, *, meaning: str = "", remedy: str = "", spent: tuple[int, int] | None = None
    ) -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.spent = spent


class BudgetUsedUp(Transient):
    """The call's worst case would pass a limit; ``retry_after`` is when the period ends (account time)."""


class NoModel(Transient):
    """No model of the chain could serve; ``retry_after`` is when the first of them may again (real time)."""
