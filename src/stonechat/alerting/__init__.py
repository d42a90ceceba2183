"""Rules, incidents and delivery: a cascade is one message that names its cause.

It promises that a trouble is told once, by its cause, and its end once; that what gets worse is told again;
and that messages wait on disk while the database is away. ``rules`` and ``event_rules`` find what is wrong
and are pure, ``state_machine`` and ``telling`` make incidents and messages of it and are pure, ``engine``
and ``delivery`` act.

::

    async with open_alerting(settings.alerting, database, clock, events, board) as alerting:
        alerting.connect(jobs=jobs.status, breakers=breakers.status)   # more to look at, as it opens
        [row.title for row in alerting.firing()]
"""

from stonechat.alerting.engine import Alerting, open_alerting

__all__ = ["Alerting", "open_alerting"]
