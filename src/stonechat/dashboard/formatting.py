"""How times, durations, counts and states read on the pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from markupsafe import Markup

UNKNOWN = "\N{EN DASH}"
"""Stands where there is no value; never a zero in disguise."""

SIGNS = {
    "ok": "✓",
    "healthy": "✓",
    "closed": "✓",
    "succeeded": "✓",
    "resolved": "✓",
    "degraded": "!",
    "late": "!",
    "half_open": "!",
    "pending": "!",
    "forced_closed": "!",
    "running": "…",
    "down": "✕",
    "failing": "✕",
    "failed": "✕",
    "timed_out": "✕",
    "open": "✕",
    "forced_open": "✕",
    "firing": "✕",
}
"""A sign beside every colour, for those who do not see the colour."""

TONES = {
    "✓": "good",
    "!": "warn",
    "✕": "bad",
    "…": "busy",
}


def sign(state: str) -> str:
    """The sign of a state; ``?`` where there is none."""
    return SIGNS.get(state, "?")


def tone(state: str) -> str:
    """The colour class of a state."""
    return TONES.get(sign(state), "dim")


def plain(state: str) -> str:
    """``half_open`` as ``half open``."""
    return state.replace("_", " ")


def duration(span: timedelta | float | None) -> str:
    """``850 ms``, ``12 s``, ``5 min``, ``3 h``, ``2 days``."""
    if span is None:
        return UNKNOWN
    seconds = abs(span.total_seconds() if isinstance(span, timedelta) else span)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    for limit, unit, size in ((100, "s", 1), (5400, "min", 60), (36 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def relative(at: datetime | None, now: datetime) -> str:
    """``in 5 min`` or ``5 min ago``."""
    if at is None:
        return UNKNOWN
    gap = at - now
    if abs(gap) < timedelta(seconds=1):
        return "now"
    return f"in {duration(gap)}" if gap > timedelta() else f"{duration(gap)} ago"


def upcoming(at: datetime | None, now: datetime, speed: float, zone: tzinfo = UTC) -> Markup:
    """When something is due: ``in 5 min``, ``now``, or ``late by 2 h`` once a real minute has passed."""
    if at is None or at >= now:
        return moment(at, now, zone)
    late = now - at > timedelta(minutes=1) * speed
    return _exact(at, f"late by {duration(now - at)}" if late else "now", zone)


def moment(at: datetime | None, now: datetime, zone: tzinfo = UTC) -> Markup:
    """A relative time that tells the exact one, by the clocks of ``zone``, when pointed at."""
    if at is None:
        return Markup("{}").format(UNKNOWN)
    return _exact(at, relative(at, now), zone)


def clock(at: datetime | None, zone: tzinfo = UTC) -> Markup:
    """``Mon 5 Jan, 18:30 CET``: a time by the clocks of ``zone``."""
    if at is None:
        return Markup("{}").format(UNKNOWN)
    local = at.astimezone(zone)
    return _exact(at, f"{local:%a} {local.day} {local:%b, %H:%M} {zone_letters(local)}", zone)


def zone_letters(local: datetime) -> str:
    """``CET``; ``UTC-03`` where a zone has no letters of its own."""
    name = local.tzname() or "UTC"
    return name if name.isalpha() else f"UTC{name}"


def _exact(at: datetime, said: str, zone: tzinfo) -> Markup:
    local = at.astimezone(zone)
    exact = f"{local:%a %d %b %Y %H:%M:%S} {zone_letters(local)}"
    template = Markup('<time datetime="{}" title="{}">{}</time>')
    return template.format(at.isoformat(), exact, said)


def count(number: float | None) -> str:
    """A dash for unknown, ``1,234``, ``12.3k``, ``4.5M``."""
    if number is None:
        return UNKNOWN
    if number < 10_000:
        return f"{number:,.0f}"
    if number < 1_000_000:
        return f"{number / 1000:.1f}k"
    return f"{number / 1_000_000:.1f}M"


def percent(share: float | None) -> str:
    """``97 %``."""
    return UNKNOWN if share is None else f"{share * 100:.0f} %"


def time(text: str) -> datetime:
    """A time in ISO 8601, as the learner's summary has it."""
    return datetime.fromisoformat(text)


def is_web(address: str | None) -> bool:
    """Whether an address may be followed from a page: not ``javascript:`` or anything else that acts."""
    return (address or "").startswith(("https://", "http://"))
