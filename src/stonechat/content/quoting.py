"""Quote posts: chooses somebody's post for a slot, and gives it up where no draft passes.

The foreign post is under the rules of replies: screened, given to the model as data, and the draft is
held against it. Where nothing is fit to be quoted, the slot becomes a single post.
"""

from __future__ import annotations

from dataclasses import dataclass

from stonechat.content.post_claims import Claims
from stonechat.content.writing.pipeline import WritingOutcome
from stonechat.content.writing.writing_task import Assignment
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.states import OpportunityState

_WHO = "content.planner"


@dataclass(frozen=True, slots=True)
class Quoting:
    """Finds what is quoted, and lets go of what was not."""

    claims: Claims

    async def aimed(self, account: Account, assignment: Assignment) -> Assignment:
        """The assignment with a claimed post to quote; a single post where there is none."""
        if assignment.kind is not ContentKind.QUOTE:
            return assignment
        async with self.claims.database.begin("content.quote.claim") as connection:
            found = await self.claims.take(
                connection, account, room=1, invited_only=False, who=_WHO, due_at=assignment.due_at
            )
        if not found:
            return assignment.model_copy(update={"kind": ContentKind.SINGLE})
        one = found[0]
        return assignment.model_copy(
            update={
                "opportunity_id": one.id,
                "quote_of": one.post_id,
                "foreign": one.text,
            }
        )

    async def settle(self, assignment: Assignment, outcome: WritingOutcome) -> None:
        """Let go of a post that no draft passed for, or that another text of this slot needed no more."""
        if assignment.opportunity_id is None or outcome.spooled:
            return
        if outcome.stored is None:
            told = "; ".join(outcome.why)
            why = told if outcome.late else f"no draft passed the review: {told}"
            await self.claims.let_go(assignment.opportunity_id, OpportunityState.SKIPPED, _WHO, why)
        elif not isinstance(outcome.stored, Content) or (
            outcome.stored.opportunity_id != assignment.opportunity_id
        ):
            await self.return_it(assignment, "the slot has another text")

    async def return_it(self, assignment: Assignment, why: str) -> None:
        """``claimed → found``: nothing could be written now."""
        if assignment.opportunity_id is not None:
            await self.claims.let_go(assignment.opportunity_id, OpportunityState.FOUND, _WHO, why)
