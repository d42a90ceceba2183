"""The history of an account is imported as what learning begins with, and taken back by one action."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from stonechat.core.errors import Conflict, InvalidInput, NotFound
from stonechat.core.model import Account
from stonechat.database.repositories import accounts
from stonechat.database.repositories import learning as rows
from stonechat.learning.goals import lessons
from stonechat.learning.labels import Labeller
from stonechat.learning.model_registry import Prior, decode, encode, replayed
from stonechat.learning.post_history import BadRow, LeftOut, PastDay, PastPost, dates_in, read_history
from stonechat.learning.reports import KIND as BANDIT
from stonechat.learning.reports import lesson_of
from stonechat.learning.reward import Weights, engagement
from stonechat.learning.uplift import percent
from stonechat.learning.warm_start import KIND, Import, effects_of, imports_of, newest, prior_of
from stonechat.learning.written_values import DateOrder, date_order
from stonechat.owner.action import Action, Done, Owner

_NAMED = 20
"""Bad rows that are named one by one."""


@dataclass(frozen=True)
class ImportOptions:
    """How files are to be read.

    Attributes:
        columns: of a CSV, by field; what is not named is found by the usual names.
        order: what comes first in 3/4/2026; None where the file itself tells.
        skip_bad: whether rows that are no posts are left out instead of stopping the import.
        young: younger posts are left out: their figures still grow.
    """

    columns: Mapping[str, str]
    order: DateOrder | None = None
    skip_bad: bool = False
    young: timedelta = timedelta(hours=48)


async def import_history(
    owner: Owner, account: Account, files: Sequence[Path], options: ImportOptions, labeller: Labeller
) -> Done[Import | None]:
    """Learn what an account begins with from the files; all of it or nothing.

    Raises:
        InvalidInput: a file is of no known kind, or has rows that are no posts; each is named by its line.
    """
    history = _HistoryFiles(files, options, owner.clock.now())
    posts = await asyncio.to_thread(history.posts)
    names = ", ".join(file.name for file in files)
    async with owner.act("learn.import") as action:
        if await accounts.find(action.connection, account.id) is None:  # Stonechat has not run yet
            await accounts.put(action.connection, account, action.now)
        before = await imports_of(action.connection, account.id)
        known = {key for one in before for key in one.keys} | await rows.judged_posts(action.connection)
        fresh = [post for post in posts if post.key not in known]
        counted = {day for one in before for day in one.days}
        days = {day: told for day, told in history.days.items() if day not in counted}
        if not fresh and not days:
            read = f"{len(posts)} posts and {len(history.days)} days"
            said = f"Nothing new in {names}: {read}, all of them learned before.{history.told()}"
            return await action.done(None, account.id, said=said, account_id=account.id)
        lessons = [(labeller.label(post.text, post.at), _reward(post)) for post in fresh]
        lent = await asyncio.to_thread(effects_of, lessons, labeller.factors)
        number = max((one.number for one in before), default=0) + 1
        keys = frozenset(post.key for post in fresh)
        made = Import(number, tuple(file.name for file in files), len(fresh), lent, keys, days)
        await _store(action, account, made)
        undo = f"Undo: `stonechat learn undo {number} --account {account.handle}`."
        said = f"{_shown(made)}{history.told()} {undo}"
        after = f"{len(fresh)} posts of {names}"
        return await action.done(made, account.id, said=said, after=after, account_id=account.id)


def _shown(made: Import) -> str:
    effects = [f"{x.factor} {x.level} {percent(x.effect, signed=True)} ({x.posts} posts)" for x in made.lent]
    what = "; ".join(effects) or "nothing that tells levels apart"
    likely = f"{made.posts} posts of {', '.join(made.files)} make likely: {what}."
    if not made.days:
        return f"Import {made.number}: {likely}"
    gained = sum(told[-1] for told in made.days.values())
    days = f"{len(made.days)} days with {gained} followers gained, which the goal followers learns from"
    return f"Import {made.number}: {days}.{f' {likely}' if made.posts else ''}"


async def _store(action: Action, account: Account, made: Import) -> None:
    days = f" and {len(made.days)} days" if made.days else ""
    why = f"{made.posts} posts{days} of {', '.join(made.files)}"
    row = rows.ModelRow(account.id, KIND, made.number, action.now, made.encode(), made.posts, 0, True, why)
    if not await rows.add_model(action.connection, row, beside=True):
        raise _overtaken()
    if made.posts:
        await _begin_anew(action, account.id)


async def undo_import(owner: Owner, account: Account, number: int) -> Done[None]:
    """Take an import back: the account's model is what it would be without it.

    Raises:
        NotFound: there is no such import.
    """
    async with owner.act("learn.undo") as action:
        if not await rows.delete_model(action.connection, account.id, KIND, number):
            there = ", ".join(str(one.number) for one in await imports_of(action.connection, account.id))
            raise NotFound(
                f"{account.id} has no import {number}.",
                meaning="Nothing was changed.",
                remedy=f"There is: {there or 'none'}.",
            )
        await _begin_anew(action, account.id)
        said = f"Import {number} of {account.id} is taken back; what its own posts taught stays."
        return await action.done(
            None, account.id, said=said, before=f"import {number}", account_id=account.id
        )


async def _begin_anew(action: Action, account_id: str) -> None:
    """A new version of the model, as it would be had it begun with the present prior."""
    connection = action.connection
    serving = await rows.serving_model(connection, account_id, BANDIT)
    latest = await rows.newest_model(connection, account_id, BANDIT)
    if serving is None or latest is None:
        return  # the first version will begin with it
    prior, source = await prior_of(connection, account_id)
    log = await lessons(connection, account_id)
    body = await asyncio.to_thread(_replayed, serving, log, prior)
    row = replace(
        serving,
        version=latest.version + 1,
        created_at=action.now,
        body=body,
        why=source or "begins without a prior",
    )
    if not await rows.add_model(connection, row):
        raise _overtaken()


def _overtaken() -> Conflict:
    return Conflict(
        "Learning stored a version at the same moment.", meaning="Nothing was changed.", remedy="Do it again."
    )


def _replayed(serving: rows.ModelRow, log: Sequence[rows.RewardRow], prior: Prior) -> str:
    try:
        model = decode(serving.body)
    except ValueError as exc:
        raise Conflict(
            f"Version {serving.version} of the model cannot be read: {exc}.",
            meaning="Nothing was changed; the next run of learning makes it anew.",
            remedy="`stonechat jobs run learning.learn`, then do it again.",
        ) from exc
    return encode(replayed(model, map(lesson_of, log), prior))


def _reward(post: PastPost) -> float:
    """The log reward; what a file does not tell counts 0."""
    told = post.metrics
    whole = replace(told, likes=told.likes or 0, reposts=told.reposts or 0, replies=told.replies or 0)
    return math.log1p(engagement(whole, Weights()) or 0.0)


class _HistoryFiles:
    """The posts of the files, and what was left out or is wrong with them."""

    def __init__(self, files: Sequence[Path], options: ImportOptions, now: datetime) -> None:
        self._files, self._options, self._now = files, options, now
        self._left: Counter[str] = Counter()
        self._bad: list[str] = []
        self._bad_rows = 0
        self.days: dict[str, list[int]] = {}
        """Of the overviews among the files, once :meth:`posts` has read them."""

    def posts(self) -> list[PastPost]:
        """The newest posts of all files, in order of time.

        Raises:
            InvalidInput: a file is of no known kind, or has bad rows that are not to be left out.
        """
        found = newest(self._every())
        if self._bad_rows and not self._options.skip_bad:
            more = f" and {self._bad_rows - _NAMED} more" if self._bad_rows > _NAMED else ""
            raise InvalidInput(
                f"{self._bad_rows} rows are no posts: {'; '.join(self._bad)}{more}.",
                meaning="Nothing was imported.",
                remedy="Mend them, or leave them out with --skip-bad-rows.",
            )
        return found

    def told(self) -> str:
        """What was left out, as a sentence with a space before it."""
        left = [f"{count} {why}" for why, count in sorted(self._left.items())]
        left += [f"{self._bad_rows} rows that are no posts"] if self._bad_rows else []
        return f" Left out: {', '.join(left)}." if left else ""

    def _every(self) -> Iterator[PastPost]:
        for file in self._files:
            order = self._options.order or self._order(file)
            for row in read_history(file, self._options.columns, order):
                if isinstance(row, LeftOut):
                    self._left[row.why] += 1
                elif isinstance(row, BadRow):
                    self._note(file, row)
                elif isinstance(row, PastDay):
                    self._add_day(file, row)
                elif row.at > self._now:
                    self._note(file, BadRow(row.line, f"{row.at:%Y-%m-%d %H:%M} is in the future"))
                elif row.at > self._now - self._options.young:
                    self._left["posts whose figures still grow"] += 1
                else:
                    yield row

    def _add_day(self, file: Path, row: PastDay) -> None:
        today = self._now.date()
        if row.day > today:
            self._note(file, BadRow(row.line, f"{row.day} is in the future"))
        elif row.day == today:
            self._left["days that are not over"] += 1
        else:
            told = row.metrics
            figures = [told.likes or 0, told.reposts or 0, told.replies or 0, told.views or 0, row.gained]
            self.days[row.day.isoformat()] = figures

    def _note(self, file: Path, row: BadRow) -> None:
        self._bad_rows += 1
        if len(self._bad) < _NAMED:
            self._bad.append(f"{file.name} line {row.line}: {row.why}")

    def _order(self, file: Path) -> DateOrder:
        found = date_order(dates_in(file, self._options.columns))
        if found is None:
            raise InvalidInput(
                f"Every date in {file.name} can be read both ways, as in 3/4/2026.",
                meaning="Nothing was imported.",
                remedy="Say which comes first: `--dates day-first` or `--dates month-first`.",
            )
        return found
