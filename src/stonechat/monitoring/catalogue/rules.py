"""Every alert rule: when it fires, what it means for the account, what Stonechat does by itself, and where to
look. Messages, the reference page and the Prometheus rules are made of this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

EVERY = "every layer"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule of the alert engine.

    Attributes:
        part: the layer (or the site, the session, the model, alerting itself) that is in trouble;
            :data:`EVERY` where the rule is about any of them.
        severity: the most severe that it becomes.
        when: the condition, in words.
        effect: what it means for the account; empty where that is what trouble of its part means.
        doing: what Stonechat does by itself; empty likewise.
        page: where on the dashboard to look; empty likewise.
        expression: the same in PromQL, for a Prometheus that watches Stonechat; empty where only Stonechat
            itself can know.
        lasting: how long the expression must hold.
    """

    name: str
    part: str
    severity: str
    when: str
    effect: str = ""
    doing: str = ""
    page: str = ""
    expression: str = ""
    lasting: str = "2m"


@dataclass(frozen=True, slots=True)
class PartMeaning:
    """What trouble of a part means for the account, what is done about it, and the page that shows it."""

    effect: str
    doing: str
    page: str


PARTS: Mapping[str, PartMeaning] = MappingProxyType(
    {
        "startup": PartMeaning(
            "Nothing is planned, published or read until the start is over.",
            "The step that waits is tried again by itself.",
            "/",
        ),
        "jobs": PartMeaning(
            "What is late is not done: posts may go out late, metrics are read late.",
            "Missed runs are made up for as soon as jobs run again; none is run twice.",
            "/jobs",
        ),
        "content": PartMeaning(
            "Posts go on from what is queued; when that is used up, nothing goes out.",
            "It tries again, then other models, then the reserve of approved drafts.",
            "/queue",
        ),
        "posting": PartMeaning(
            "Posts do not go out at their time; they wait in the queue, none is lost or sent twice.",
            "It tries again with growing pauses; what is late follows LATE_POLICY.",
            "/posting",
        ),
        "browser": PartMeaning(
            "Nothing is published and nothing is read through the browser; posts wait.",
            "The browser is replaced; operations that were cut off are looked up before they are repeated.",
            "/browser",
        ),
        "database": PartMeaning(
            "Nothing new is planned or published; what was written is kept on disk until it can be stored.",
            "It connects again with growing pauses and goes on where it stopped.",
            "/database",
        ),
        "cache": PartMeaning(
            "None: posts go out as planned; some pages and queries are read more often.",
            "The cache inside the process serves, and Redis is tried again every few seconds.",
            "/cache",
        ),
        "scraping": PartMeaning(
            "Posts go out as planned; their metrics become old, and learning waits for them.",
            "What was not read is read first as soon as reading works again.",
            "/posts",
        ),
        "harvesting": PartMeaning(
            "Posts go out as planned; fewer posts worth a reply are found.",
            "Other sources are used, and this one is tried again.",
            "/harvesting",
        ),
        "learning": PartMeaning(
            "Posts go out as planned; the next ones are chosen by what was known before.",
            "The last good model serves, and the next run tries again.",
            "/learning",
        ),
        "network": PartMeaning(
            "Nothing is published or read on this network; posts wait.",
            "Calls pause, and a probe finds out when the site works again.",
            "/breakers",
        ),
        "session": PartMeaning(
            "Nothing is published or read for this account; its posts wait, other accounts go on.",
            "It is asked about again with growing pauses; a new log-in is taken up without a restart.",
            "/",
        ),
        "model": PartMeaning(
            "Posts go on from what is queued, then from the reserve of approved drafts.",
            "Other models are asked, and a probe finds out when this one works again.",
            "/breakers",
        ),
        "alerting": PartMeaning(
            "None for the account, but you may not hear of the next trouble.",
            "Messages are kept and sent again with growing pauses, and through the other channels at once.",
            "/alerts",
        ),
    }
)

_STOPPED = "Publishing for this account stands still; its posts wait."
_POST_ALONE = "One post is concerned; all others go out as planned."

_EVERY_RULE = (
    AlertRule(
        "layer",
        EVERY,
        "critical",
        "A layer is down for 30 s, or degraded for 2 min, by its own checks.",
        expression="stonechat_layer_ok == 0",
        lasting="2m",
    ),
    AlertRule(
        "breaker_open",
        EVERY,
        "warning",
        "A circuit breaker has been open for 40 s.",
        page="/breakers",
        expression="stonechat_breaker_open == 1",
        lasting="1m",
    ),
    AlertRule(
        "breaker_stuck",
        EVERY,
        "critical",
        "A breaker is open for longer than its longest pause, or was forced open and forgotten.",
        page="/breakers",
        expression="stonechat_breaker_open == 1",
        lasting="20m",
    ),
    AlertRule(
        "breaker_not_probing",
        EVERY,
        "critical",
        "An open breaker's probe is overdue by 2 min.",
        page="/breakers",
    ),
    AlertRule(
        "breaker_flapping",
        EVERY,
        "warning",
        "A breaker opened 4 times within an hour.",
        page="/breakers",
        expression='increase(stonechat_breaker_changed_total{after="open"}[1h]) >= 4',
        lasting="0m",
    ),
    AlertRule(
        "job_late",
        "jobs",
        "critical",
        "A run did not start within the grace of its job.",
        page="/jobs",
        expression="increase(stonechat_job_missed_total[15m]) > 0",
        lasting="0m",
    ),
    AlertRule(
        "job_failing",
        EVERY,
        "critical",
        "A critical job failed, another one did 3 times in a row, or in 7 of its last 20 runs.",
        page="/jobs",
        expression='increase(stonechat_job_ended_total{state=~"failed|timed_out|abandoned"}[1h]) >= 3',
        lasting="5m",
    ),
    AlertRule(
        "session_trouble",
        "session",
        "critical",
        "The network does not accept the account's session: expired, challenged, locked, suspended.",
    ),
    AlertRule(
        "posting_stopped",
        "posting",
        "critical",
        "The network says that the account looks automated.",
        _STOPPED,
        "It does not try again before you say so; reading goes on.",
    ),
    AlertRule(
        "post_unclear",
        "posting",
        "critical",
        "For 2 min nobody could tell whether a post is live.",
        "Later posts go out; this one is neither repeated nor given up until its fate is known.",
        "It is looked up on the profile again and again.",
    ),
    AlertRule(
        "post_undecided",
        "posting",
        "critical",
        "No healthy read of the profile could say whether a post is live.",
        _POST_ALONE,
        "It is not sent again by itself.",
    ),
    AlertRule(
        "post_contradicted",
        "posting",
        "warning",
        "The network's answers disagree about a post.",
        _POST_ALONE,
        "It is looked up on the profile, and sent again only if it is proven absent.",
    ),
    AlertRule(
        "post_differs",
        "posting",
        "warning",
        "A post is live but not as it was sent.",
        _POST_ALONE,
        "Nothing: it is not sent a second time.",
    ),
    AlertRule(
        "post_refused",
        "posting",
        "warning",
        "The network refused a post for good.",
        _POST_ALONE,
        "The same text is not tried again by itself.",
        expression='increase(stonechat_post_refused_total{permanent="true"}[1h]) > 0',
        lasting="0m",
    ),
    AlertRule(
        "post_ended",
        "posting",
        "warning",
        "A planned post was missed, failed or rejected.",
        _POST_ALONE,
        "Its slot stays empty; the next ones go out as planned.",
        expression='increase(stonechat_post_ended_total{kind!="reply",state!="cancelled"}[1h]) > 0',
        lasting="0m",
    ),
    AlertRule(
        "service_level",
        "posting",
        "warning",
        "A service level burns its error budget more than twice as fast as it may, over 1 day and over 7.",
        "Fewer posts go out in time, are confirmed, or are measured than was promised.",
        "Nothing more than for each single trouble: this is the sum of small ones that were not told.",
        "/posting",
        'stonechat_burn_rate{window="1d"} > 2 and on (account, level) stonechat_burn_rate{window="7d"} > 2',
        "30m",
    ),
    AlertRule(
        "queue_dry",
        "content",
        "warning",
        "No post is scheduled for an account.",
        "Nothing will go out until something is queued.",
        "The plan job fills the queue when it can.",
        "/queue",
        "stonechat_queue_days == 0",
        "5m",
    ),
    AlertRule(
        "budget_nearly_spent",
        "content",
        "warning",
        "80 % of a model budget is spent.",
        "None yet.",
        "It goes on until the budget is spent.",
    ),
    AlertRule(
        "budget_spent",
        "content",
        "critical",
        "A model budget is spent.",
        "Posts go on from what is queued, then from the reserve of approved drafts.",
        "No model is called before the next period.",
    ),
    AlertRule(
        "pool_low",
        "harvesting",
        "info",
        "An account has fewer open reply opportunities than HARVEST_POOL_LOW, after it had more.",
        "Fewer replies can be written; posts go out as planned.",
        "Searching goes on.",
    ),
    AlertRule(
        "page_changed",
        "network",
        "critical",
        "A part of the site's page or data that Stonechat reads is gone.",
        "What needs this part waits; nothing wrong is read from it.",
        "Another source serves where there is one, and each run looks whether it is there again.",
        "/browser",
        "increase(stonechat_network_selector_moved_total[1h]) > 0",
        "0m",
    ),
    AlertRule(
        "model_rejected",
        "learning",
        "info",
        "A new version of the learned model did not pass its checks.",
        "None: the last good version chooses.",
        "The next run learns anew.",
    ),
    AlertRule(
        "loop_failed",
        "startup",
        "warning",
        "A part that must not end did so.",
        "None, if it does not recur.",
        "It was started again.",
        expression="increase(stonechat_loop_failed_total[15m]) > 0",
        lasting="0m",
    ),
    AlertRule(
        "event_loop_slow",
        "startup",
        "warning",
        "Half of the last minute's looks found the process more than a second behind.",
        "Everything is slow: posts and readings may be late.",
        "Nothing: the machine or something in the process takes all of its time.",
        "/",
        "stonechat_event_loop_lag_seconds > 1",
        "2m",
    ),
    AlertRule(
        "channel_failing",
        "alerting",
        "critical",
        "An alert channel takes no messages for 30 s.",
    ),
)

RULES: Mapping[str, AlertRule] = MappingProxyType({rule.name: rule for rule in _EVERY_RULE})
"""By name."""


def meaning(rule: str, part: str) -> PartMeaning:
    """What an alert of this rule about this part means, what is done, and where to look."""
    own, general = RULES.get(rule), PARTS.get(part, PartMeaning("", "", "/alerts"))
    if own is None:
        return general
    return PartMeaning(own.effect or general.effect, own.doing or general.doing, own.page or general.page)
