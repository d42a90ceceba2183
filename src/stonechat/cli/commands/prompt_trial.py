"""Trying a prompt from the command line, with the very parts that the planner uses."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import stamina.instrumentation

from stonechat.cli.context import open_for_cli, text_rules
from stonechat.config.settings import Settings
from stonechat.content.writing.writing_task import Assignment, Purpose
from stonechat.core.clock import Clock
from stonechat.core.errors import ConfigError, ConfigFault, Permanent
from stonechat.core.events import EventStream
from stonechat.core.ids import fresh_id
from stonechat.core.model import Account, Choice, ContentKind
from stonechat.core.network import TextRules
from stonechat.database import Database
from stonechat.database.repositories import accounts
from stonechat.database.spool.spool import Spool
from stonechat.learning.learner import Learner
from stonechat.startup.build_content import Writing, open_writing


@asynccontextmanager
async def open_for_trying(settings: Settings) -> AsyncIterator[tuple[Database, Clock, Writing]]:
    """The database, and layer 3 over it, for one command: no learner, no browser."""
    rng = random.Random()

    async def choose(account_id: str, count: int, slots: Collection[tuple[str, str]]) -> Sequence[Choice]:
        return ()

    async def rules_of(account: Account) -> TextRules:
        return text_rules()[account.network]

    async with open_for_cli(settings) as (database, clock):
        events = EventStream(clock)
        spool = Spool(settings.startup.data_dir / "spool")
        learner = Learner(database, events, settings.learning, lambda _: {})
        async with open_writing(
            settings,
            database,
            clock,
            events,
            rng,
            spool=spool,
            rules_of=rules_of,
            choose=choose,
            guard_of=lambda _: nullcontext,
            rank=learner.rank,
        ) as writing:
            yield database, clock, writing


async def try_prompt(
    settings: Settings, wished: Mapping[str, str | None], reply_to: str, account_id: str | None
) -> dict[str, Any]:
    """Write and review drafts; nothing is stored but the cost.

    Raises:
        ConfigError: a level is not in the arms file.
        StonechatError: no model could serve, or the budget is used up.
    """
    stamina.instrumentation.set_on_retry_hooks(())  # standard output is for the answer alone
    async with open_for_trying(settings) as (database, _, writing):
        account = await _account(settings, database, account_id)
        assignment = _assignment(writing, account, wished, reply_to)
        drafter = writing.drafter
        request = await drafter.request(account, assignment, 0, ())
        bounds = await drafter.bounds(account, assignment, request)
        written = await drafter.chain.write(request, account_id=account.id, purpose="trial")
        results = await drafter.judged(account, assignment, written.data, bounds)
    return {
        "account": account.id,
        "arm": dict(assignment.arm),
        "model": written.model,
        "prompt_version": drafter.prompts.version(assignment.kind),
        "prompt_tokens": written.prompt_tokens,
        "completion_tokens": written.completion_tokens,
        "cost_usd": written.cost_usd,
        "prompt": request.prompt,
        "drafts": [
            {
                "passed": one.verdict.passed,
                "step": one.verdict.step,
                "why": one.verdict.why,
                "score": one.score if one.verdict.passed else None,
                "text": one.draft.text,
            }
            for one in results
        ],
    }


async def _account(settings: Settings, database: Database, account_id: str | None) -> Account:
    async with database.read("cli.account") as connection:
        every = await accounts.every(connection)
    for one in every:
        if account_id in (None, one.id, one.handle):
            return one
    for given in settings.accounts:
        if account_id in (None, given.handle):
            return Account(id=f"{given.network}:{given.handle}", network=given.network, handle=given.handle)
    raise Permanent(f"There is no account {account_id!r}.", remedy="Check ACCOUNT_HANDLE.")


def _assignment(
    writing: Writing, account: Account, wished: Mapping[str, str | None], reply_to: str
) -> Assignment:
    rng = random.Random()
    arms = writing.arms_of(account.id)
    asked = {name: level for name, level in wished.items() if level is not None}
    unknown = [
        ConfigFault(name, f"{level!r} is no level of it", ", ".join(arms.factors[name].active))
        for name, level in asked.items()
        if name in arms.factors and level not in arms.factors[name].active
    ]
    if unknown:
        raise ConfigError(tuple(unknown))
    drawn = {name: rng.choice(levels) for name, levels in arms.learned().items()}
    arm = arms.completed({**drawn, **asked}, rng)
    kind = ContentKind.REPLY if reply_to else ContentKind.SINGLE
    purpose = Purpose.REPLY if reply_to else Purpose.SLOT
    return Assignment(
        id=fresh_id(), account_id=account.id, purpose=purpose, kind=kind, arm=arm, foreign=reply_to
    )
