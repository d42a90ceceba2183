"""X's adapter as the rooms use it."""

from __future__ import annotations

from stonechat.networks.x_text_rules import XTextRules
from stonechat.networks.x_web.adapter import XWeb


class MeasuringXWeb(XWeb, XTextRules):
    """The adapter together with its network's text rules, which the product joins behind the breakers."""
