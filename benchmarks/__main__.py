"""``python -m benchmarks NAME``: ratios measured side by side in one run, never absolute times."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.loop import bench_loop
from stonechat.cli.output import print_rows
from stonechat.core.redaction import is_address_with_password

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for.

    Attributes:
        size: how much is measured: posts, runs, rows, drafts, seeds or posts a day; None for the bench's own.
        files: recorded posts.
        database: a server to measure on; None where the bench starts its own.
    """

    size: int | None = None
    files: tuple[Path, ...] = ()
    database: str | None = None


async def _loop(asked: Asked) -> list[Row]:
    return await bench_loop(asked.size or 10)


async def _posting(asked: Asked) -> list[Row]:
    from benchmarks.posting.measures import QUICK, bench_posting, size_of

    return await bench_posting(QUICK if asked.size is None else size_of(asked.size))


async def _content(asked: Asked) -> list[Row]:
    from benchmarks.content import bench_content

    return await bench_content(drafts=asked.size or 1_000)


async def _learning(asked: Asked) -> list[Row]:
    from benchmarks.learning.bench import bench_learning
    from benchmarks.learning.forecasts import forecast_files

    if asked.files:
        return await asyncio.to_thread(forecast_files, asked.files)
    return await asyncio.to_thread(bench_learning, asked.size or 300)


async def _forecasts(asked: Asked) -> list[Row]:
    from benchmarks.learning.forecasts import forecast_simulated

    return await asyncio.to_thread(forecast_simulated, asked.size or 3)


async def _through_text(asked: Asked) -> list[Row]:
    from benchmarks.learning.through_text import bench_through_text

    return await bench_through_text(asked.size or 10)


async def _ranked_drafts(asked: Asked) -> list[Row]:
    from benchmarks.learning.through_text import bench_ranked_drafts

    return await bench_ranked_drafts(asked.size or 10)


async def _jobs(asked: Asked) -> list[Row]:
    from benchmarks.jobs import alone, bench_jobs, own_database
    from benchmarks.jobs.idle import measure
    from benchmarks.support.idling import idle
    from benchmarks.support.postgresql import own_postgresql

    async with AsyncExitStack() as stack:
        server = asked.database or ""
        if not server:
            server = await stack.enter_async_context(own_postgresql())
        rows = await bench_jobs(server, runs=asked.size or 300)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stonechat-bench-")))
        url = await stack.enter_async_context(own_database(server))
        run = await idle(url, folder, seconds=20)
        jobs = await measure(url, seconds=20)
    rows.append(alone("idle job manager with all jobs, % of a core", jobs[0], 3.0))
    rows.append(alone("idle job manager with all jobs, MB (RSS)", jobs[1], 160.0))
    rows.append(alone("idle stonechat run without browser, % of a core", run[0], 3.0))
    rows.append(alone("idle stonechat run without browser, MB (RSS)", run[1], None))
    return rows


async def _accounts(asked: Asked) -> list[Row]:
    from benchmarks.accounts import bench_accounts
    from benchmarks.support.postgresql import own_postgresql

    async with AsyncExitStack() as stack:
        server = asked.database or ""
        if not server:
            server = await stack.enter_async_context(own_postgresql())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stonechat-bench-")))
        return await bench_accounts(folder, server, most=asked.size or 1_000)


async def _browser(asked: Asked) -> list[Row]:
    from benchmarks.browser.bench import bench_browser

    with tempfile.TemporaryDirectory(prefix="stonechat-bench-") as folder:
        return await bench_browser(Path(folder), size=asked.size or 2_000)


async def _storage(asked: Asked) -> list[Row]:
    from benchmarks.storage import bench_storage
    from benchmarks.support.postgresql import own_postgresql

    async with AsyncExitStack() as stack:
        url = asked.database or await stack.enter_async_context(own_postgresql())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stonechat-bench-")))
        return await bench_storage(folder, url, size=asked.size or 100_000)


async def _move(asked: Asked) -> list[Row]:
    from benchmarks.storage.moving import bench_move
    from benchmarks.support.postgresql import own_postgresql

    async with AsyncExitStack() as stack:
        url = asked.database or ""
        if not url:
            url = await stack.enter_async_context(own_postgresql())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stonechat-bench-")))
        return await bench_move(folder, url, size=asked.size or 100_000)


async def _reading(asked: Asked) -> list[Row]:
    from benchmarks.reading import bench_reading

    return await bench_reading((8, 20, 48) if asked.size is None else (asked.size,))


async def _parsing(asked: Asked) -> list[Row]:
    from benchmarks.parsing import ROUNDS, bench_parsing

    return bench_parsing(asked.size or ROUNDS)


async def _networks(asked: Asked) -> list[Row]:
    from benchmarks.networks import bench_networks

    return await bench_networks(asked.size or 60)


async def _alerting(asked: Asked) -> list[Row]:
    from benchmarks.alerting import bench_alerting

    return await bench_alerting(size=asked.size or 1_000)


_COLUMNS = ["measure", "ours", "peer", "ratio", "goal", "met"]

BENCHES: dict[str, Callable[[Asked], Awaitable[list[Row]]]] = {
    "alerting": _alerting,
    "loop": _loop,
    "posting": _posting,
    "jobs": _jobs,
    "accounts": _accounts,
    "storage": _storage,
    "move": _move,
    "browser": _browser,
    "content": _content,
    "learning": _learning,
    "networks": _networks,
    "reading": _reading,
    "parsing": _parsing,
    "forecasts": _forecasts,
    "ranked-drafts": _ranked_drafts,
    "through-text": _through_text,
}
"""Every bench by name."""


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench NAME=…", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHES))
    parser.add_argument(
        "--size", type=int, help="how much is measured: posts, runs, rows, drafts, accounts or seeds"
    )
    parser.add_argument(
        "--file",
        type=Path,
        nargs="+",
        default=[],
        help="learning: measure the predictors on these recorded posts (CSV), and nothing else",
    )
    parser.add_argument(
        "--database",
        help="jobs, storage: measure on this PostgreSQL and start none; its password in PGPASSWORD",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    asked = parser.parse_args(arguments)
    if asked.database and is_address_with_password(asked.database):
        parser.error("everybody can read a password in a command: leave it out, and give it as PGPASSWORD=…")
    return asked


async def _measured(rows: Awaitable[list[Row]]) -> list[Row]:
    return await rows


def main() -> None:
    """Run one bench and print its rows."""
    asked = _asked(sys.argv[1:])
    rows = asyncio.run(_measured(BENCHES[asked.name](Asked(asked.size, tuple(asked.file), asked.database))))
    if asked.json:
        json.dump(rows, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    columns = list(rows[0]) if rows and "measure" not in rows[0] else _COLUMNS
    print_rows(rows, columns, title=f"bench {asked.name}", empty="Nothing was measured.")


if __name__ == "__main__":
    main()
