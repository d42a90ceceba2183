"""``stonechat bench learning``: the bandit in simulated worlds, against others.

The worlds are the seeds from 0 up. Every number of the bandit and of its rivals was tuned on seeds from
100,000 up, so none was tuned on these. Rivals play the same worlds in the same run.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.learning import simulation as sim
from benchmarks.learning.rivals import PLAIN_RIVALS, library_rivals
from stonechat.core.model import Arm
from stonechat.learning.arms import ArmSpace, Factors
from stonechat.learning.bandit import LinearThompson
from stonechat.learning.uplift import Trial, UpliftMeter

Row = dict[str, Any]
_SHARE = 0.10
_CHUNK = 10


@dataclass(frozen=True, slots=True)
class Run:
    """One world played: share captured in all, and the post before which *helps* was first claimed.

    Attributes:
        early: share captured in the first hundred posts.
    """

    captured: float
    early: float = 0.0
    claimed: int | None = None


def bench_learning(seeds: int = 300, peer_seeds: int = 16, workers: int = 2) -> list[Row]:
    """Measure everything; rows of ``measure, ours, peer, ratio, goal, met``.

    Args:
        seeds: worlds for each setting of our own bandit and of the plain rivals (those at most 30).
        peer_seeds: worlds for the tuned libraries, which take a hundred times as long.
    """
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        libraries = {
            name: _spread(pool, partial(_rival, name), min(peer_seeds, seeds), 2) for name in library_rivals()
        }
        ours = {
            name: _spread(pool, partial(_ours, name), seeds, _CHUNK)
            for name in ("plain", "holdout", "small", "drift", "delay", "warm", "nothing")
        }
        rivals = {name: _spread(pool, partial(_rival, name), min(seeds, 30), _CHUNK) for name in PLAIN_RIVALS}
        runs = {name: _gathered(parts) for name, parts in ours.items()}
        played = {name: _gathered(parts) for name, parts in {**libraries, **rivals}.items()}
    rows = _captured_rows(runs, {name: played[name] for name in libraries})
    rows += _uplift_rows(runs)
    rows += _speed_rows()
    rows += [_rival_row(name, runs["plain"], played[name]) for name in played]
    return rows


# --- worlds -------------------------------------------------------------------------------------------


class _Watched:
    """The bandit with a note of what it expected of each reward, for the uplift."""

    def __init__(self, bandit: LinearThompson) -> None:
        self.bandit = bandit
        self.notes: list[tuple[float, float]] = []

    def draw(self, rng: random.Random) -> Arm:
        return self.bandit.draw(rng)

    def update(self, arm: Arm, value: float) -> None:
        uniform = self.bandit.average()
        self.notes.append((self.bandit.update(arm, value).expected, uniform))


_SETTINGS = {
    "plain": (sim.PLAIN, False),
    "holdout": (sim.PLAIN, True),
    "small": (sim.SMALL_EFFECTS, False),
    "drift": (sim.ALL_DRIFT, False),
    "delay": (sim.LONG_DELAY, False),
    "warm": (sim.PLAIN, False),
    "nothing": (sim.NO_EFFECT, True),
}


def _ours(name: str, seeds: Sequence[int]) -> list[Run]:
    setting, held = _SETTINGS[name]
    factors = sim.factor_levels(setting)
    found = []
    for seed in seeds:
        world = sim.World(setting, seed)
        prior = world.related(0.5, seed) if name == "warm" else None
        watched = _Watched(LinearThompson(ArmSpace.of(factors), prior=prior))
        played = sim.play(world, watched, seed, [_SHARE] * setting.posts if held else None)
        captured, early = (0.0, 0.0) if name == "nothing" else (played.captured(), played.captured(0, 100))
        found.append(Run(captured, early, _first_claim(played, watched.notes) if held else None))
    return found


def _first_claim(played: sim.Played, notes: Iterable[tuple[float, float]]) -> int | None:
    """The post before which the uplift meter first said that learning helps."""
    meter = UpliftMeter()
    order = np.argsort(played.known_at, kind="stable")
    for post, (expected, uniform) in zip(order, notes, strict=False):
        trial = Trial(float(played.outcomes[post]), bool(played.holdout[post]), _SHARE, expected, uniform)
        meter.add(trial)
        if meter.read().helps:
            return int(played.known_at[post])
    return None


def _rival(name: str, seeds: Sequence[int]) -> list[Run]:
    make: Callable[[Factors], sim.Chooser] = {**PLAIN_RIVALS, **library_rivals()}[name]
    factors = sim.factor_levels()
    return [Run(sim.play(sim.World(sim.PLAIN, s), make(factors), s).captured()) for s in seeds]


def _spread(
    pool: ProcessPoolExecutor, work: Callable[[Sequence[int]], list[Run]], seeds: int, chunk: int
) -> list[Future[list[Run]]]:
    return [pool.submit(work, range(at, min(at + chunk, seeds))) for at in range(0, seeds, chunk)]


def _gathered(parts: Iterable[Future[list[Run]]]) -> list[Run]:
    return [run for part in parts for run in part.result()]


# --- rows ---------------------------------------------------------------------------------------------


def _row(
    measure: str,
    ours: float,
    peer: float | None = None,
    *,
    least: float | None = None,
    most: float | None = None,
) -> Row:
    """One row; ``goal`` is at least ``least`` or at most ``most``, or there is none."""
    goal = f">= {least:g}" if least is not None else f"<= {most:g}" if most is not None else ""
    met = None if not goal else bool(ours >= least) if least is not None else bool(ours <= (most or 0.0))
    ratio = round(ours / peer, 3) if peer else None
    shown = None if peer is None else round(peer, 4)
    return {
        "measure": measure,
        "ours": round(ours, 4),
        "peer": shown,
        "ratio": ratio,
        "goal": goal,
        "met": met,
    }


def _mean(runs: Sequence[Run]) -> float:
    return math.fsum(run.captured for run in runs) / len(runs)


def _early(runs: Sequence[Run]) -> float:
    return math.fsum(run.early for run in runs) / len(runs)


def _captured_rows(runs: dict[str, list[Run]], libraries: dict[str, list[Run]]) -> list[Row]:
    plain = runs["plain"]
    best = max(libraries.values(), key=_mean, default=None)
    peer = _mean(best) if best else None
    rows = [_row("captured", _mean(plain), peer, least=0.65)]
    if best:
        ahead = _mean(plain[: len(best)]) - _mean(best)
        rows.append(_row(f"captured above best tuned peer, same {len(best)} worlds", ahead, least=0.04))
    tenth = float(np.percentile([run.captured for run in plain], 10))
    return [
        *rows,
        _row("captured with 10 % holdout", _mean(runs["holdout"]), least=0.59),
        _row("captured, effects half as large", _mean(runs["small"]), least=0.47),
        _row("captured, all factors drift", _mean(runs["drift"]), least=0.58),
        _row("captured, rewards 20-60 posts late", _mean(runs["delay"]), least=0.58),
        _row("captured, 10th percentile of worlds", tenth, least=0.50),
        _row("captured, warm prior (correlation 0.5)", _mean(runs["warm"])),
        _row(
            "captured in the first 100 posts, warm above cold",
            _early(runs["warm"]) - _early(plain),
            least=0.03,
        ),
    ]


def _uplift_rows(runs: dict[str, list[Run]]) -> list[Row]:
    false = sum(run.claimed is not None for run in runs["nothing"]) / len(runs["nothing"])
    posts = [run.claimed if run.claimed is not None else math.inf for run in runs["holdout"]]
    return [
        _row("false uplift under no effect", false, most=0.05),
        _row("post at which uplift is found, median", float(np.median(posts)), most=185),
    ]


def _rival_row(name: str, plain: Sequence[Run], theirs: Sequence[Run]) -> Row:
    return _row(f"captured against: {name}", _mean(plain[: len(theirs)]), _mean(theirs))


# --- speed --------------------------------------------------------------------------------------------


def _speed_rows() -> list[Row]:
    factors = sim.factor_levels()
    rng = random.Random(1)
    bandit = LinearThompson(ArmSpace.of(factors))
    arms = [{factor: rng.choice(levels) for factor, levels in factors.items()} for _ in range(100)]
    updates = _microseconds(lambda at: bandit.update(arms[at % 100], rng.gauss(0, 1)), 100)
    both = _microseconds(lambda at: (bandit.update(arms[at % 100], rng.gauss(0, 1)), bandit.draw(rng)), 100)
    logged = _microseconds(lambda _: bandit.choose(rng), 100)
    libraries = [make(factors) for make in library_rivals().values()]
    peers = [_microseconds(partial(_teach, peer, arms, rng), 20) for peer in libraries]
    return [
        _row("update, microseconds", updates, min(peers, default=None), most=25),
        _row("choose after an update, microseconds", both - updates, most=25),
        _row("choose once more with its propensity for the log, microseconds", logged),
    ]


def _teach(policy: sim.Chooser, arms: Sequence[Arm], rng: random.Random, at: int) -> None:
    policy.update(arms[at % len(arms)], rng.gauss(0, 1))


def _microseconds(act: Callable[[int], Any], times: int, repeats: int = 40) -> float:
    """Processor time of one call: the least over repeats, which other work on the machine disturbs least."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        for at in range(times):
            act(at)
        found.append((time.process_time() - start) / times * 1e6)
    return min(found)
