"""What ``stonechat doctor`` says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckResult(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was found, and the exact mend where something is wrong."""

    name: str
    verdict: CheckResult
    found: str
    fix: str = ""
