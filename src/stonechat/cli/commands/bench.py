"""``stonechat bench``: a door to the benches of a checkout; an installed Stonechat carries none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from stonechat.core.errors import Permanent

CHECKOUT = Path(__file__).resolve().parents[4]


def bench(arguments: list[str]) -> int:
    """Run ``python -m benchmarks`` in the checkout that this command comes from; its exit code.

    Raises:
        Permanent: the command was installed without a checkout.
    """
    if not (CHECKOUT / "benchmarks" / "__main__.py").is_file():
        raise Permanent(
            "The benches are not part of an installed Stonechat.",
            remedy="Clone the repository and run `make bench NAME=loop` there.",
        )
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, check=False).returncode
