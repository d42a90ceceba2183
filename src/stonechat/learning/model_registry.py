"""Versions of the bandit as JSON, their replay from the reward log, and the checks before one serves.

Numbers are written with the shortest digits that read back as the same double, so a stored model is
the model, bit for bit. A body holds everything that a replay needs besides the reward log: tuning,
prior, and every change of the arms with the reward after which it came.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from stonechat.core.model import Arm
from stonechat.learning.arms import ArmSpace, Factors
from stonechat.learning.bandit import LinearThompson, Surprise, Tuning

Prior = Mapping[tuple[str, str], float]
"""Prior mean of the effect of a (factor, level) on the log reward."""

FORMAT = 1
"""Grows when the layout of a body changes."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One learned line of the reward log; ``id`` grows with each line."""

    id: int
    arm: Arm
    value: float
    context: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """The arms as they were set after the reward ``after`` (0: from the start)."""

    after: int
    factors: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Model:
    """A bandit with where it stands in the log. The bandit is mutable; :meth:`copy` before learning.

    Attributes:
        last_id: the last line of the reward log that it learned.
        revisions: every set of arms it was given, in order.
        shares: the holdout share from a version on, as (version, share), in order.
    """

    bandit: LinearThompson
    last_id: int
    revisions: tuple[Revision, ...]
    shares: tuple[tuple[int, float], ...] = ()

    @classmethod
    def new(
        cls,
        factors: Factors,
        tuning: Tuning | None = None,
        prior: Prior | None = None,
        context: Sequence[str] = (),
    ) -> Model:
        """A model that has learned nothing."""
        space = ArmSpace.of(factors, context)
        return cls(LinearThompson(space, tuning, prior), 0, (Revision(0, space.active),))

    def copy(self) -> Model:
        """An equal model that shares nothing with this one."""
        return decode(encode(self))

    def learned(self, lessons: Iterable[Lesson]) -> tuple[Model, list[Surprise]]:
        """A new model that also learned these lines, and how surprising each was just before.

        Lines that this model already learned are passed over, so repeating a call changes nothing.
        """
        after = self.copy()
        last, surprises = self.last_id, []
        for lesson in lessons:
            if lesson.id <= last:
                continue
            surprises.append(after.bandit.update(lesson.arm, lesson.value, lesson.context))
            last = lesson.id
        return replace(after, last_id=last), surprises

    def with_arms(self, factors: Factors) -> Model:
        """This model with the owner's present arms; itself where nothing changed."""
        space = self.bandit.space.revised(factors)
        if space == self.bandit.space:
            return self
        revisions = (*self.revisions, Revision(self.last_id, space.active))
        return replace(self, bandit=self.copy().bandit.resized(space), revisions=revisions)

    def with_share(self, version: int, share: float) -> Model:
        """This model with the holdout share that holds from ``version`` on; itself where it is the same."""
        if self.shares and self.shares[-1][1] == share:
            return self
        return replace(self, shares=(*self.shares, (version, share)))

    def share_at(self, version: int) -> float:
        """The holdout share that ``version`` chose with; 0 before the first is known."""
        return next((share for since, share in reversed(self.shares) if since <= version), 0.0)


def encode(model: Model) -> str:
    """The model as JSON text."""
    bandit, space = model.bandit, model.bandit.space
    body = {
        "format": FORMAT,
        "kind": bandit.kind,
        "schema": space.schema,
        "context": space.context,
        "known": space.known,
        "active": space.active,
        "tuning": asdict(bandit.tuning),
        "prior": bandit.prior.tolist(),
        "mean": bandit.mean.tolist(),
        "covariance": bandit.covariance[np.tril_indices(space.size)].tolist(),
        "noise": bandit.noise,
        "seen": bandit.seen,
        "last_id": model.last_id,
        "revisions": [[r.after, r.factors] for r in model.revisions],
        "shares": model.shares,
    }
    return json.dumps(body, separators=(",", ":"))


def decode(text: str) -> Model:
    """The model that was encoded.

    Raises:
        ValueError: where the text is not a model of this format, or its parts do not fit together.
    """
    try:
        body = json.loads(text)
        if body["format"] != FORMAT:
            raise ValueError(f"a model of format {body['format']}; this program reads format {FORMAT}")
        space = ArmSpace(
            known=tuple((f, v) for f, v in body["known"]),
            active=_active(body["active"]),
            context=tuple(body["context"]),
        )
        if space.schema != body["schema"]:
            raise ValueError("the schema hash does not fit the arms")
        bandit = LinearThompson(space, Tuning(**body["tuning"]))
        low = np.tril_indices(space.size)
        covariance = np.zeros((space.size, space.size))
        covariance[low] = body["covariance"]
        covariance.T[low] = body["covariance"]
        bandit.restore(
            prior=np.array(body["prior"], dtype=float),
            mean=np.array(body["mean"], dtype=float),
            covariance=covariance,
            noise=float(body["noise"]),
            seen=int(body["seen"]),
        )
        revisions = tuple(Revision(int(after), _active(active)) for after, active in body["revisions"])
        shares = tuple((int(since), float(share)) for since, share in body["shares"])
        return Model(bandit, int(body["last_id"]), revisions, shares)
    except (KeyError, TypeError) as exc:
        raise ValueError(f"not a stored model: {exc!r}") from exc


def _active(pairs: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((str(factor), tuple(str(level) for level in levels)) for factor, levels in pairs)


def restarted(model: Model, prior: Prior | None = None) -> Model:
    """The model as it was before its first reward, with its first set of arms; or with another prior."""
    bandit, first = model.bandit, model.revisions[0]
    if prior is None:
        prior = {pair: float(bandit.prior[at]) for pair, at in bandit.space.positions.items()}
    return Model.new(dict(first.factors), bandit.tuning, prior, bandit.space.context)


def replayed(model: Model, log: Iterable[Lesson], prior: Prior | None = None) -> Model:
    """The model rebuilt from nothing but its tuning, its prior, its arms' history and the reward log.

    Args:
        log: every learned line of the account, in order of id; lines after ``model.last_id`` are left out.
        prior: what it would have begun with; its own by default.
    """
    built = restarted(model, prior)
    rest = [lesson for lesson in log if lesson.id <= model.last_id]
    for revision in model.revisions[1:]:
        built, _ = built.learned(lesson for lesson in rest if lesson.id <= revision.after)
        built = built.with_arms(dict(revision.factors))
    return replace(built.learned(rest)[0], shares=model.shares)


def faults(
    candidate: Model, serving: Model, lessons: Sequence[Lesson], surprises: Sequence[Surprise]
) -> list[str]:
    """Why the candidate must not serve; empty where it may.

    Its state must be finite, positive definite and within sane bounds. Of three or more new rewards, most
    must lie within the clip, each as seen just before it was learned. And predicting them one by one,
    learning from each, must not have been worse by more than half a nat a reward than the serving version
    without learning. A true jump of the account's level passes: the model follows it within a few rewards.
    """
    bandit = candidate.bandit
    state = (bandit.mean, bandit.covariance, np.array([bandit.noise]))
    if not all(np.isfinite(part).all() for part in state):
        return ["its state is not finite"]
    found = []
    try:
        np.linalg.cholesky(bandit.covariance)
    except np.linalg.LinAlgError:
        found.append("its covariance is not positive definite")
    if not 1e-4 <= bandit.noise <= 100.0:
        found.append(f"its noise variance {bandit.noise:.3g} is out of bounds (0.0001 to 100)")
    if float(np.abs(bandit.mean).max()) > 50.0:
        found.append("an effect of more than 50 on the log scale")
    return found + _mispredicted(serving, lessons, surprises)


def _mispredicted(serving: Model, lessons: Sequence[Lesson], surprises: Sequence[Surprise]) -> list[str]:
    fresh = [lesson for lesson in lessons if lesson.id > serving.last_id]
    if not fresh or not surprises:
        return []
    found = []
    clip = serving.bandit.tuning.clip
    far = sum(abs(surprise.z) > clip for surprise in surprises)
    if len(surprises) >= 3 and far > len(surprises) / 2:
        found.append(f"{far} of {len(surprises)} new rewards lie more than {clip:g} deviations off")
    still = math.fsum(serving.bandit.foresee(x.arm, x.value, x.context).log_likelihood for x in fresh)
    loss = (still - math.fsum(surprise.log_likelihood for surprise in surprises)) / len(fresh)
    if not loss <= 0.5:
        found.append(f"it predicts the new rewards worse than the serving version, by {loss:.2f} nats each")
    return found
