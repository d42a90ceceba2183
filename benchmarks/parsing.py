"""Posts a second from recorded answers of X's web client: our parser beside twscrape's, on the same bytes.

Both begin with the bytes and end with every post as an object of theirs. Times are of the processor, the best
of several rounds of either, in turn. Skipped where no recordings stand beside the checkout, or twscrape is
not installed (``uv sync --group bench``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stonechat.networks.x_web.wire_parser import load_answer, read_posts

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "recordings"
ROUNDS = 15
GOAL = 3.0


def bench_parsing(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Rows of ``{"measure", "ours", "peer", "ratio", "goal", "met"}``; none where nothing is recorded."""
    if find_spec("twscrape") is None:  # in the dependency group ``bench``
        return []
    parse_tweets = import_module("twscrape.models").parse_tweets
    every = [path.read_bytes() for path in sorted((RECORDINGS / "x").glob("raw_*.json"))]
    bodies = [body for body in every if _theirs(parse_tweets, body)]
    if not bodies:
        return []
    ours, theirs = float("inf"), float("inf")
    for _ in range(rounds):
        ours = min(ours, _seconds(lambda body: len(_ours(body)), bodies))
        theirs = min(theirs, _seconds(lambda body: _theirs(parse_tweets, body), bodies))
    mine = sum(len(_ours(body)) for body in bodies) / ours
    peer = sum(_theirs(parse_tweets, body) for body in bodies) / theirs
    row = {"ours": round(mine), "peer": round(peer), "ratio": round(mine / peer, 2), "goal": GOAL}
    return [{"measure": "posts a second", **row, "met": mine / peer >= GOAL}]


def _ours(body: bytes) -> list[Any]:
    return list(read_posts(load_answer(body, "the recording"), written=True))


def _theirs(parse: Callable[[Any], Any], body: bytes) -> int:
    return sum(1 for _ in parse(json.loads(body)))


def _seconds(parse: Callable[[bytes], int], bodies: list[bytes]) -> float:
    begun = time.process_time()
    for body in bodies:
        parse(body)
    return time.process_time() - begun
