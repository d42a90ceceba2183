"""An optional second model that reviews what the first one wrote; it can only reject."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from stonechat.content.errors import BudgetUsedUp, NoModel
from stonechat.content.review import Draft
from stonechat.content.voice import Voice
from stonechat.content.writing.fallback import FallbackChain
from stonechat.core.ports import WriteRequest

_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["pass", "reject"]}, "reason": {"type": "string"}},
    "required": ["verdict", "reason"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a second model says of a draft.

    Attributes:
        read: it has read the draft; False where no model could be asked, or none answered in form.
        against: why the draft must not go out; empty where it may.
    """

    read: bool
    against: str = ""


@dataclass(frozen=True, slots=True)
class ModelJudge:
    """Asks a model of its own chain, within the same budget. It may only say no.

    Where no judge can be had the draft is not lost and does not go out unread either: it waits for the owner.
    """

    chain: FallbackChain

    async def __call__(self, account_id: str, draft: Draft, voice: Voice) -> Opinion:
        """The model's opinion of the draft."""
        source = (files("stonechat.content") / "data" / "prompts" / "judge.j2").read_text(encoding="utf-8")
        environment = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701
        system = environment.from_string(source).render(voice=voice)
        request = WriteRequest(
            system=system,
            prompt=f"their_post: {json.dumps(draft.text)}",
            schema=_SCHEMA,
            schema_name="verdict",
            max_output_tokens=120,
            temperature=0.0,
        )
        try:
            written = await self.chain.write(request, account_id=account_id, purpose="judge")
        except (NoModel, BudgetUsedUp):
            return Opinion(read=False)
        match written.data.get("verdict"):
            case "pass":
                return Opinion(read=True)
            case "reject":
                reason = " ".join(str(written.data.get("reason", "")).split())[:160]
                return Opinion(read=True, against=f"the judge: {reason}")
            case _:
                return Opinion(read=False)
