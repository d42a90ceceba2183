"""``python -m stonechat_aviary``: serve the local network until told to stop.

One line of JSON on standard output says where it is; SIGTERM, SIGINT or (with ``--die-with-parent``)
the end of standard input stops it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from stonechat_aviary.opening import EPOCH, open_aviary


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stonechat_aviary", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same world")
    parser.add_argument("--speed", type=float, default=1.0, help="world seconds for each real second")
    parser.add_argument("--epoch", type=_moment, default=EPOCH, help="world time at the origin, ISO 8601")
    parser.add_argument("--origin", type=float, default=None, help="real Unix seconds; default: now")
    parser.add_argument("--clock-file", type=_file, default=None, help="follow the clock in this file")
    parser.add_argument(
        "--handle", action="append", default=None, help="an account that may post; may be given again"
    )
    parser.add_argument("--state-dir", type=Path, default=None, help="keep the ledger in this folder")
    parser.add_argument("--unkind", action="store_true", help="be as unkind as X in every way at once")
    parser.add_argument("--die-with-parent", action="store_true", help="stop when standard input ends")
    return parser.parse_args(given)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until a signal or, if asked, the end of standard input."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.die_with_parent:
        await loop.connect_read_pipe(lambda: _UntilEof(stop), sys.stdin)
    async with open_aviary(
        port=arguments.port,
        seed=arguments.seed,
        speed=arguments.speed,
        epoch=arguments.epoch,
        origin=arguments.origin,
        clock_file=arguments.clock_file,
        handles=arguments.handle or ("quietbuilder",),
        state_dir=arguments.state_dir,
    ) as aviary:
        if arguments.unkind:
            aviary.panel.be_unkind()
        sys.stdout.write(json.dumps(aviary.address.as_json()) + "\n")
        sys.stdout.flush()
        await stop.wait()


class _UntilEof(asyncio.Protocol):
    """Sets an event when the other end of a pipe is closed."""

    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()


def main(given: list[str] | None = None) -> int:
    """Run the command; 0 after a clean stop, 1 where the port is taken, 2 where the clock makes no sense."""
    arguments = _arguments(given)
    try:
        asyncio.run(serve(arguments))
    except OSError as problem:
        sys.stderr.write(f"The local network cannot listen on port {arguments.port}: {problem.strerror}.\n")
        return 1
    except ValueError as problem:
        sys.stderr.write(f"The local network cannot start: {problem}.\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
