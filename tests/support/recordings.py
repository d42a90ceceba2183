"""Recordings of the real thing, beside the checkout where they are present; tests skip where not."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"
RECORDINGS = Path(os.environ.get("STONECHAT_RECORDINGS", BESIDE))


def recording(name: str) -> Path:
    """The recorded file, or skip the test."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"no recording {name} beside this checkout")
    return path
