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
class ModelJudge:
    """Asks a model of its own chain, within the same budget.

    It is optional also at run time: where the judge cannot be asked, the other review steps decide alone.
    """

    chain: FallbackChain

    async def __call__(self, account_id: str, draft: Draft, voice: Voice) -> str | None:
        """None to let the draft through, else the judge's reason."""
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
            return None
        if written.data.get("verdict") != "reject":
            return None
        return f"the judge: {' '.join(str(written.data.get('reason', '')).split())[:160]}"
