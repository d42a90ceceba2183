"""Every table. Each carries ``account_id`` (null where a row concerns the whole system).

A column's ``doc`` and a table's ``info["doc"]`` say what it means; they leave the database as it is, and the
data model page is made of them. Times are UTC with time zone. State changes are appended to
``state_history`` and never altered.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from stonechat.database.schema.types import Json, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

CLICKED = "outcome IS NULL OR outcome NOT IN ('refused', 'unreached', 'rehearsed')"
"""The tries whose click was made or may have been made; without an outcome: in flight or lost."""

_Serial = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[str]:
    return Column("id", String(64), primary_key=True, doc="Id of the row, the same wherever it is named.")


def _account(nullable: bool = False) -> Column[str]:
    about = "The account; null where the row concerns the whole system." if nullable else "The account."
    return Column("account_id", String(120), nullable=nullable, doc=about)


def _where(index: str, *columns: Any, where: str) -> Index:
    """An index of the few rows that are asked for, out of a table that keeps everything for ever."""
    condition = text(where)
    return Index(index, *columns, sqlite_where=condition, postgresql_where=condition)


def _serial() -> Column[int]:
    return Column("id", _Serial, primary_key=True, autoincrement=True, doc="Number of the row; grows.")


accounts = Table(
    "accounts",
    metadata,
    Column(
        "account_id",
        String(120),
        primary_key=True,
        doc="`network:handle`; every other table names the account by it.",
    ),
    Column(
        "network",
        String(20),
        nullable=False,
        doc="The plug-in that talks to the network, by its name.",
    ),
    Column("handle", String(100), nullable=False, doc="Name on the network, without `@`."),
    Column("timezone", String(64), nullable=False, doc="IANA name; days and hours are counted in it."),
    Column("posts_per_day", Integer, nullable=False, doc="Posts that are planned for a local day."),
    Column(
        "approval", String(20), nullable=False, doc="What waits for approval: `none`, `replies` or `all`."
    ),
    Column(
        "late_policy",
        String(20),
        nullable=False,
        doc="What becomes of a late post: `publish`, `move` or `miss`.",
    ),
    Column(
        "session_state",
        String(20),
        nullable=False,
        doc="`valid`, `expired`, `challenged`, `locked`, `suspended` or `rate_limited`.",
    ),
    Column("session_since", UtcTime, nullable=False, doc="When the session came to this state."),
    Column("session_why", Text, nullable=False, default="", doc="What the network said."),
    Column(
        "created_at", UtcTime, nullable=False, doc="When the account was added; the warm-up counts from here."
    ),
    info={
        "doc": "One row for each account that was ever served; the settings are copied here at each start."
    },
)

account_sessions = Table(
    "account_sessions",
    metadata,
    Column("account_id", String(120), primary_key=True, doc="The account."),
    Column("sealed", Text, nullable=False, doc="The encrypted session; without the key it opens nothing."),
    Column(
        "generation", Integer, nullable=False, doc="One more with each new log-in; renewed cookies keep it."
    ),
    Column("version", Integer, nullable=False, doc="One more with each write."),
    Column(
        "settings_seen",
        Json,
        nullable=False,
        doc="Fingerprints of the log-ins from settings that were taken up so far.",
    ),
    Column("source", String(20), nullable=False, doc="Where it came from: `login`, `file` or `setting`."),
    Column("at", UtcTime, nullable=False, doc="When it was written (real time)."),
    info={"doc": "The saved log-in of each account, encrypted."},
)

post_checks = Table(
    "post_checks",
    metadata,
    Column("content_id", String(64), primary_key=True, doc="The content."),
    Column("number", Integer, primary_key=True, doc="The part, 0 for the first."),
    _account(),
    Column("at", UtcTime, nullable=False, doc="When it was looked at."),
    Column("verdict", String(20), nullable=False, doc="`seen`, `other_text`, `other_id` or `missing`."),
    info={"doc": "What a later read of the profile showed of each published part."},
)

content_media = Table(
    "content_media",
    metadata,
    Column("content_id", String(64), primary_key=True, doc="The content."),
    Column("part", Integer, primary_key=True, doc="The part, 0 for the first."),
    Column("position", Integer, primary_key=True, doc="The picture's place in the part, 0 for the first."),
    _account(),
    Column("sha256", String(64), nullable=False, doc="The picture, by the digest of its bytes."),
    Column("mime", String(60), nullable=False, doc="For example `image/jpeg`."),
    Column("size", Integer, nullable=False, doc="Bytes."),
    Column("alt", Text, nullable=False, doc="Description for those who cannot see it."),
    Column("added_at", UtcTime, nullable=False, doc="When it was attached."),
    info={"doc": "Which pictures a piece of content has, with their descriptions; kept for ever."},
)

media_bytes = Table(
    "media_bytes",
    metadata,
    Column("sha256", String(64), primary_key=True, doc="Digest of the bytes."),
    _account(nullable=True),
    Column("body", LargeBinary, nullable=False, doc="The bytes."),
    info={"doc": "The pictures themselves, once each; let go by KEEP_MEDIA."},
)

switches = Table(
    "switches",
    metadata,
    Column(
        "scope",
        String(200),
        primary_key=True,
        doc="`posting`, `posting/<account>` or `job/<name>[/<account>]`.",
    ),
    _account(nullable=True),
    Column("off", Boolean, nullable=False, doc="Whether it is held now."),
    Column("who", String(100), nullable=False, doc="Who turned it last."),
    Column("why", Text, nullable=False, doc="Shown wherever something is held by it."),
    Column("at", UtcTime, nullable=False, doc="When it was turned last."),
    info={"doc": "What an owner holds by hand."},
)

content_metadata = Table(
    "content_metadata",
    metadata,
    _id(),
    _account(),
    Column("kind", String(20), nullable=False, doc="`single`, `thread`, `quote` or `reply`."),
    Column(
        "state",
        String(20),
        nullable=False,
        doc="`draft`, `queued`, `posting`, `posted` …; see the architecture page.",
    ),
    Column("state_since", UtcTime, nullable=False, doc="When it came to this state."),
    Column("parts", Json, nullable=False, doc="The texts, in order; one unless it is a thread."),
    Column(
        "fingerprint",
        String(32),
        nullable=False,
        doc="Digest of the texts; the same text is not posted twice.",
    ),
    Column("due_at", UtcTime, nullable=False, doc="When it is to go out."),
    Column("created_at", UtcTime, nullable=False, doc="When it was stored."),
    Column("arm", Json, nullable=False, doc="The levels that were chosen, by factor."),
    Column(
        "propensity", Float, doc="Probability with which the arm was chosen; null where it was not drawn."
    ),
    Column(
        "holdout",
        Boolean,
        nullable=False,
        default=False,
        doc="Whether the arm was chosen uniformly at random, for comparison.",
    ),
    Column(
        "model_version", Integer, nullable=False, default=0, doc="Version of the learned model that chose."
    ),
    Column(
        "prompt_version",
        String(60),
        nullable=False,
        default="",
        doc="Version of the prompt that asked for the text.",
    ),
    Column(
        "writer_model",
        String(100),
        nullable=False,
        default="",
        doc="The language model that wrote it; empty where a person did.",
    ),
    Column("cost_usd", Float, nullable=False, default=0.0, doc="What writing it cost, in US dollars."),
    Column("opportunity_id", String(64), doc="The opportunity that it answers."),
    Column("in_reply_to", String(120), doc="Id of the post on the network that it replies to."),
    Column("quote_of", String(120), doc="Id of the post on the network that it quotes."),
    Column(
        "media_digest",
        String(64),
        doc="Digest of its pictures with their descriptions; null where it has none.",
    ),
    Column(
        "fence",
        Integer,
        nullable=False,
        default=0,
        doc="Grows with each claim; a write under an older number is refused.",
    ),
    Column("lease_until", UtcTime, doc="Until when the claim holds (real time)."),
    Column("lease_owner", String(250), doc="The run that holds it; the same run may take over at once."),
    Column("not_before", UtcTime, doc="Back-off after a refusal; the slot itself stays in `due_at`."),
    Column("attempts", Integer, nullable=False, default=0, doc="How often publishing was tried."),
    Column("post_id", String(120), doc="Id of its first part on the network."),
    Column("url", Text, doc="Address of its first part."),
    Column("posted_at", UtcTime, doc="When it went out."),
    Column("approved_by", String(100), doc="Who approved it."),
    Column("approved_digest", String(64), doc="Digest of the exact bytes that were approved."),
    Column("why", Text, nullable=False, default="", doc="Reason of the last change of state."),
    Index("ix_content_due", "state", "due_at"),
    Index("ix_content_account_state", "account_id", "state", "due_at"),
    Index("ix_content_account_posted", "account_id", "state", "posted_at"),
    Index("ix_content_account_created", "account_id", "created_at"),
    Index("ix_content_post", "account_id", "post_id"),
    Index("ix_content_account_due", "account_id", "due_at"),
    Index("ix_content_newest", "state", "posted_at"),
    _where(
        "ix_content_held_back",
        "account_id",
        "not_before",
        where="state = 'queued' AND not_before IS NOT NULL",
    ),
    _where("ix_content_opportunity", "opportunity_id", where="opportunity_id IS NOT NULL"),
    info={"doc": "Every piece of content (post, thread, quote or reply) from draft to end; kept for ever."},
)

post_parts = Table(
    "post_parts",
    metadata,
    Column("content_id", String(64), primary_key=True, doc="The content."),
    Column("number", Integer, primary_key=True, doc="The part, 0 for the first."),
    _account(),
    Column("post_id", String(120), nullable=False, doc="Its id on the network."),
    Column("confirmed_at", UtcTime, nullable=False, doc="When the network confirmed it."),
    UniqueConstraint("account_id", "post_id"),
    info={"doc": "What is live: one row for each confirmed part, never changed."},
)

post_attempts = Table(
    "post_attempts",
    metadata,
    _id(),
    Column("content_id", String(64), nullable=False, doc="The content."),
    _account(),
    Column("number", Integer, nullable=False, doc="1 for the first try."),
    Column("fence", Integer, nullable=False, doc="The claim under which it was made."),
    Column("fingerprint", String(32), nullable=False, doc="Digest of the texts that were sent."),
    Column(
        "parts_from",
        Integer,
        nullable=False,
        default=0,
        doc="The first part that was sent; earlier ones were live already.",
    ),
    Column("host", String(120), nullable=False, doc="The process that tried."),
    Column("started_at", UtcTime, nullable=False, doc="When the intent was committed."),
    Column(
        "started_wall", UtcTime, nullable=False, doc="The same in real time: grace periods are counted in it."
    ),
    Column("ended_at", UtcTime, doc="When the receipt was written."),
    Column(
        "ended_wall",
        UtcTime,
        doc="The same in real time; null where the process died or the try is in flight.",
    ),
    Column(
        "outcome",
        String(20),
        doc="`posted`, `partial`, `unconfirmed`, `absent`, `refused` or `rehearsed`; null in flight.",
    ),
    Column("detail", Text, nullable=False, default="", doc="What the network said."),
    UniqueConstraint("content_id", "number"),
    Index("ix_attempts_account_started", "account_id", "started_at"),
    _where("ix_attempts_clicked", "account_id", "content_id", where=CLICKED),
    info={"doc": "Each try to publish: intent committed before the network is touched, then the receipt."},
)

state_history = Table(
    "state_history",
    metadata,
    _serial(),
    _account(nullable=True),
    Column(
        "kind",
        String(20),
        nullable=False,
        doc="`content`, `opportunity`, `session`, `breaker`, `alert` or `switch`.",
    ),
    Column("entity_id", String(200), nullable=False, doc="Which one changed."),
    Column("at", UtcTime, nullable=False, doc="When."),
    Column("who", String(100), nullable=False, doc="The job or the person that changed it."),
    Column("before", String(20), nullable=False, doc="State before."),
    Column("after", String(20), nullable=False, doc="State after."),
    Column("why", Text, nullable=False, default="", doc="Reason."),
    Index("ix_history_entity", "kind", "entity_id"),
    info={"doc": "Every change of state, appended and never altered."},
)

metrics_snapshots = Table(
    "metrics_snapshots",
    metadata,
    _serial(),
    _account(),
    Column("post_id", String(120), nullable=False, doc="The post on the network."),
    Column("content_id", String(64), doc="The content; null where the post is not ours by our own records."),
    Column("captured_at", UtcTime, nullable=False, doc="When it was read."),
    Column("likes", Integer, doc="Likes."),
    Column("reposts", Integer, doc="Reposts."),
    Column("replies", Integer, doc="Replies."),
    Column("quotes", Integer, doc="Quotes."),
    Column("bookmarks", Integer, doc="Bookmarks."),
    Column("views", Integer, doc="Views."),
    Column(
        "source",
        String(10),
        nullable=False,
        doc="How it was read: `wire` (the site's own data) or `dom` (what the page showed).",
    ),
    UniqueConstraint("account_id", "post_id", "captured_at"),
    Index("ix_snapshots_content", "content_id", "captured_at"),
    info={"doc": "Readings of our posts' metrics. A number that was not shown is null, never 0."},
)

doubtful_readings = Table(
    "doubtful_readings",
    metadata,
    _serial(),
    _account(),
    Column("post_id", String(120), nullable=False, doc="The post on the network."),
    Column("captured_at", UtcTime, nullable=False, doc="When it was read."),
    Column("likes", Integer, doc="Likes."),
    Column("reposts", Integer, doc="Reposts."),
    Column("replies", Integer, doc="Replies."),
    Column("quotes", Integer, doc="Quotes."),
    Column("bookmarks", Integer, doc="Bookmarks."),
    Column("views", Integer, doc="Views."),
    Column("why", Text, nullable=False, doc="What is not plausible about it."),
    UniqueConstraint("account_id", "post_id", "captured_at"),
    info={"doc": "Readings that are not plausible: kept apart from the metrics, and repeated."},
)

unseen_posts = Table(
    "unseen_posts",
    metadata,
    _serial(),
    _account(),
    Column("post_id", String(120), nullable=False, doc="The post on the network."),
    Column("content_id", String(64), nullable=False, doc="The content."),
    Column("missed_at", UtcTime, nullable=False, doc="When a read that covers it first did not show it."),
    Column("misses", Integer, nullable=False, doc="How many such reads there were in a row."),
    Column("gone_at", UtcTime, doc="When its own page said that it is gone; null while that is open."),
    UniqueConstraint("account_id", "post_id"),
    info={"doc": "Posts of ours that the network does not show where it should."},
)

page_loads = Table(
    "page_loads",
    metadata,
    _serial(),
    _account(),
    Column("hour", UtcTime, nullable=False, doc="The hour, by its beginning."),
    Column("purpose", String(20), nullable=False, doc="What for: `metrics`, `search` and the like."),
    Column("loads", Integer, nullable=False, doc="Pages that were opened to read."),
    UniqueConstraint("account_id", "hour", "purpose"),
    info={"doc": "Pages of the network that were opened to read, counted against the budget."},
)

harvest_sources = Table(
    "harvest_sources",
    metadata,
    _serial(),
    _account(),
    Column("source", String(20), nullable=False, doc="`search`, `viral` or `watched`."),
    Column("query", String(300), nullable=False, doc="What is searched for."),
    Column("asked_at", UtcTime, nullable=False, doc="When it was last asked."),
    Column("asked", Integer, nullable=False, doc="How often it was asked."),
    Column("found", Integer, nullable=False, doc="Opportunities that came from it."),
    Column("dry", Integer, nullable=False, doc="How often in a row it brought nothing."),
    UniqueConstraint("account_id", "source", "query"),
    info={"doc": "Searches for posts to answer, and what each yields."},
)

answered_replies = Table(
    "answered_replies",
    metadata,
    _serial(),
    _account(),
    Column("post_id", String(120), nullable=False, doc="Our reply on the network."),
    Column("answer_id", String(120), nullable=False, doc="The author's answer to it."),
    Column("at", UtcTime, nullable=False, doc="When the author answered."),
    UniqueConstraint("account_id", "post_id"),
    info={"doc": "Replies of ours whose author answered."},
)

account_metrics = Table(
    "account_metrics",
    metadata,
    _serial(),
    _account(),
    Column("captured_at", UtcTime, nullable=False, doc="When it was read."),
    Column("followers", Integer, doc="Followers."),
    Column("following", Integer, doc="Accounts followed."),
    UniqueConstraint("account_id", "captured_at"),
    info={"doc": "Readings of an account's followers."},
)

reply_opportunities = Table(
    "reply_opportunities",
    metadata,
    _id(),
    _account(),
    Column("post_id", String(120), nullable=False, doc="The post on the network."),
    Column("author", String(100), nullable=False, doc="Its author's handle."),
    Column("text", Text, nullable=False, doc="What it says; not to be trusted."),
    Column("url", Text, nullable=False, doc="Its address."),
    Column("posted_at", UtcTime, nullable=False, doc="When it was posted."),
    Column("found_at", UtcTime, nullable=False, doc="When it was found."),
    Column("state", String(20), nullable=False, doc="`found`, `claimed`, `replied`, `skipped` or `expired`."),
    Column("state_since", UtcTime, nullable=False, doc="When it came to this state."),
    Column("source", String(40), nullable=False, doc="Which search found it."),
    Column("invited", Boolean, nullable=False, default=False, doc="Whether the author spoke to us first."),
    Column("score", Float, nullable=False, default=0.0, doc="How much a reply is worth; higher is better."),
    Column("likes", Integer, doc="Likes when it was found."),
    Column("reposts", Integer, doc="Reposts when it was found."),
    Column("replies", Integer, doc="Replies when it was found."),
    Column("views", Integer, doc="Views when it was found."),
    Column("conversation_id", String(120), doc="The conversation that it stands in; null where not shown."),
    Column("thread", Json, doc="What stands above it, as it was read for the reply; null before that."),
    UniqueConstraint("account_id", "post_id"),
    Index("ix_opportunities_conversation", "account_id", "conversation_id"),
    Index("ix_opportunities_state", "account_id", "state", "score"),
    Index("ix_opportunities_author", "account_id", "author"),
    Index("ix_opportunities_author_lower", "account_id", func.lower(text("author"))),
    info={"doc": "Posts of others that may be worth a reply."},
)

watched_authors = Table(
    "watched_authors",
    metadata,
    _account(),
    Column("handle", String(100), nullable=False, doc="The author."),
    Column("found_at", UtcTime, nullable=False, doc="When the author was first seen."),
    Column("followers", Integer, doc="Followers when last seen."),
    Column("score", Float, nullable=False, default=0.0, doc="How worthwhile the author's posts are."),
    Column(
        "opted_out",
        Boolean,
        nullable=False,
        default=False,
        doc="Whether the author wants no automated replies; never answered.",
    ),
    UniqueConstraint("account_id", "handle"),
    info={"doc": "Authors whose posts are looked at for opportunities."},
)

rewards = Table(
    "rewards",
    metadata,
    _serial(),
    _account(),
    Column("content_id", String(64), nullable=False, doc="The content."),
    Column("post_id", String(120), nullable=False, doc="The post on the network."),
    Column("at", UtcTime, nullable=False, doc="When it was judged."),
    Column("value", Float, doc="The reward; null where the post teaches nothing."),
    Column("refused", Text, nullable=False, default="", doc="Why it teaches nothing."),
    Column("views", Integer, doc="Views at maturity."),
    Column("arm", Json, nullable=False, doc="The levels that had been chosen."),
    Column("propensity", Float, doc="Probability with which the arm was chosen."),
    Column(
        "holdout",
        Boolean,
        nullable=False,
        default=False,
        doc="Whether the arm was chosen uniformly at random.",
    ),
    Column("model_version", Integer, nullable=False, default=0, doc="Version of the model that chose."),
    Column("posted_at", UtcTime, doc="When the post went out."),
    UniqueConstraint("account_id", "post_id"),
    info={"doc": "The reward log: each post judged once, at maturity; kept for ever."},
)

models = Table(
    "models",
    metadata,
    Column("account_id", String(120), primary_key=True, doc="The account."),
    Column("kind", String(20), primary_key=True, doc="`bandit`, `predictor`, `import`, `goal` or `summary`."),
    Column("version", Integer, primary_key=True, doc="Grows by one."),
    Column("created_at", UtcTime, nullable=False, doc="When it was learned."),
    Column(
        "body",
        Text,
        nullable=False,
        doc="The model as JSON; text, so that a replay can be compared byte for byte.",
    ),
    Column("rewards", Integer, nullable=False, doc="How many rewards it has learned from."),
    Column("last_reward_id", _Serial, nullable=False, doc="The last line of the reward log that it knows."),
    Column("serving", Boolean, nullable=False, doc="Whether it may choose."),
    Column("why", Text, nullable=False, default="", doc="Why it serves, or does not."),
    info={"doc": "Every version of what was learned, for each account."},
)

budget_entries = Table(
    "budget_entries",
    metadata,
    _id(),
    _account(),
    Column("purpose", String(40), nullable=False, doc="What it was for."),
    Column("model", String(100), nullable=False, default="", doc="Which model was asked."),
    Column("reserved_at", UtcTime, nullable=False, doc="When it was reserved."),
    Column("reserved_usd", Float, nullable=False, doc="The most it could cost."),
    Column("reserved_tokens", Integer, nullable=False, default=0, doc="The most tokens it could take."),
    Column("expires_at", UtcTime, nullable=False, doc="Real time; a reservation never outlives its call."),
    Column("settled_at", UtcTime, doc="When the real cost was known; null until then."),
    Column("spent_usd", Float, doc="What it cost."),
    Column("prompt_tokens", Integer, doc="Tokens of the prompt."),
    Column("completion_tokens", Integer, doc="Tokens of the answer."),
    Index("ix_budget_account", "account_id", "reserved_at"),
    Index("ix_budget_time", "reserved_at"),
    Index("ix_budget_open", "settled_at", "expires_at"),
    info={"doc": "Each model call: reserved at its worst cost before, settled at its real cost after."},
)

budget_marks = Table(
    "budget_marks",
    metadata,
    Column("scope", String(120), primary_key=True, doc="An account's id, or `all`."),
    Column("period", String(20), primary_key=True, doc="`2026-01-05` or `2026-01`."),
    Column("share", Integer, primary_key=True, doc="Per cent."),
    _account(nullable=True),
    Column("at", UtcTime, nullable=False, doc="When."),
    info={"doc": "Which shares of a budget were announced already, so that each is announced once."},
)

rejected_drafts = Table(
    "rejected_drafts",
    metadata,
    _serial(),
    _account(),
    Column("at", UtcTime, nullable=False, doc="When."),
    Column("kind", String(20), nullable=False, doc="What it was to become."),
    Column("text", Text, nullable=False, doc="What it said."),
    Column("step", String(40), nullable=False, doc="The step of the review that said no."),
    Column("why", Text, nullable=False, doc="Its reason."),
    Column("arm", Json, nullable=False, doc="The levels that had been chosen."),
    Index("ix_rejected_account", "account_id", "at"),
    info={"doc": "Drafts that the review did not let pass; the writer is told the latest reasons."},
)

reserve_drafts = Table(
    "reserve_drafts",
    metadata,
    _id(),
    _account(),
    Column("created_at", UtcTime, nullable=False, doc="When it was written."),
    Column("parts", Json, nullable=False, doc="The texts."),
    Column("kind", String(20), nullable=False, doc="What it is to become."),
    Column("arm", Json, nullable=False, doc="The levels that were chosen."),
    Column("prompt_version", String(60), nullable=False, default="", doc="Version of the prompt."),
    Column("writer_model", String(100), nullable=False, default="", doc="The model that wrote it."),
    Column("cost_usd", Float, nullable=False, default=0.0, doc="What writing it cost."),
    Column("approved_by", String(100), doc="Who approved it ahead."),
    Column("drawn_at", UtcTime, doc="When it left the reserve; null while it is in it."),
    Column("content_id", String(64), doc="The content that it became."),
    Index("ix_reserve_account", "account_id", "drawn_at", "created_at"),
    info={"doc": "Reviewed drafts for when no model can write."},
)

job_progress = Table(
    "job_progress",
    metadata,
    Column("id", String(250), primary_key=True, doc="The job, and with a slash the account."),
    _account(nullable=True),
    Column("job", String(60), nullable=False, doc="The job."),
    Column("changed_at", UtcTime, nullable=False, doc="When this row last changed (real time)."),
    Column("position", UtcTime, doc="The tick up to which the schedule has been dealt with (account time)."),
    Column("run_id", String(250), doc="The newest run that came to an outcome: `job/account@tick`."),
    Column("tick", UtcTime, doc="Account time at which it was due."),
    Column("trigger", String(40), doc="`schedule`, `due`, `wake`, `manual` or `watchdog`."),
    Column("state", String(20), doc="`succeeded`, `failed`, `timed_out` or `abandoned`."),
    Column("host", String(120), doc="The process that ran it last."),
    Column("attempt", Integer, doc="1 for the first try."),
    Column("started_at", UtcTime, doc="When the latest try began (real time)."),
    Column("ended_at", UtcTime, doc="When it ended (real time)."),
    Column("took_s", Float, doc="Real seconds."),
    Column("done", Integer, doc="Units of work that were done."),
    Column("due", Integer, doc="Units of work that were due."),
    Column("note", Text, doc="What it said of itself."),
    Column("error", Text, doc="Why it failed."),
    Column("ends", Json, nullable=False, doc="How and when the latest runs ended, newest first."),
    Column("held_tick", UtcTime, doc="The newest tick that was held back."),
    Column("held_at", UtcTime, doc="When (real time)."),
    Column("held_why", Text, doc="Why."),
    Index("ix_progress_job", "job"),
    Index("ix_progress_changed", "changed_at"),
    info={"doc": "Of each job and account: where its schedule stands, its last outcome, its latest ends."},
)
wakeups = Table(
    "wakeups",
    metadata,
    Column("id", String(250), primary_key=True, doc="The run that is asked for."),
    _account(nullable=True),
    Column("job", String(60), nullable=False, doc="The job."),
    Column("at", UtcTime, nullable=False, doc="When it is to run; of a run to be stopped, its tick."),
    Column(
        "verb",
        String(10),
        nullable=False,
        server_default="wake",
        doc="`wake`, or what the owner asks for: `run`, `cancel`.",
    ),
    Column("who", String(100), nullable=False, server_default="", doc="The owner, where they ask."),
    info={"doc": "What is asked of jobs besides their schedules; a row goes once it has been done."},
)

job_declarations = Table(
    "job_declarations",
    metadata,
    Column("job", String(60), primary_key=True, doc="The job."),
    _account(nullable=True),
    Column("body", Json, nullable=False, doc="Schedule, policies and limits."),
    Column("declared_at", UtcTime, nullable=False, doc="Real time."),
    info={"doc": "Every job as it was declared at the last start, for commands while nothing runs."},
)

executors = Table(
    "executors",
    metadata,
    Column("executor_id", String(120), primary_key=True, doc="One process from its start to its end."),
    _account(nullable=True),
    Column("host", String(120), nullable=False, doc="Name of its machine."),
    Column("pid", Integer, nullable=False, doc="Process id."),
    Column(
        "fence", Integer, nullable=False, doc="Grows with each take-over; a host with an old number stops."
    ),
    Column("heartbeat_at", UtcTime, nullable=False, doc="Last sign of life (real time)."),
    info={"doc": "The hosts that share this database, with their heartbeats."},
)

breakers = Table(
    "breakers",
    metadata,
    Column(
        "name",
        String(120),
        primary_key=True,
        doc="What it guards, for example `browser/<account>`, `network/<network>` or `model`.",
    ),
    _account(nullable=True),
    Column(
        "state",
        String(20),
        nullable=False,
        doc="`closed`, `open`, `half_open`, `forced_open` or `forced_closed`.",
    ),
    Column("since", UtcTime, nullable=False, doc="When it came to this state (real time)."),
    Column(
        "version",
        Integer,
        nullable=False,
        doc="One more with each write; a write on an older one is refused.",
    ),
    Column("body", Json, nullable=False, doc="Its counts and its next probe."),
    Column("why", Text, nullable=False, default="", doc="The failure that opened it, or who forced it."),
    info={"doc": "The state of each circuit breaker, shared by all hosts."},
)

alerts = Table(
    "alerts",
    metadata,
    _id(),
    _account(nullable=True),
    Column("rule", String(80), nullable=False, doc="The rule that raised it."),
    Column("state", String(20), nullable=False, doc="`inactive`, `pending`, `firing` or `resolved`."),
    Column(
        "state_since",
        UtcTime,
        nullable=False,
        doc="When it came to this state (real time, as all of alerting).",
    ),
    Column("severity", String(20), nullable=False, doc="`info`, `warning` or `critical`."),
    Column("title", Text, nullable=False, doc="One line."),
    Column("body", Text, nullable=False, doc="What is known."),
    Column("remedy", Text, nullable=False, default="", doc="What to do."),
    Column("labels", Json, nullable=False, doc="What it is about."),
    Column("incident_id", String(64), doc="The alert that explains it; its own id where it is the cause."),
    Column("fired_at", UtcTime, doc="When it began to fire."),
    Column("resolved_at", UtcTime, doc="When it was over."),
    Column("acked_by", String(100), doc="Who has seen it."),
    Column("silenced_until", UtcTime, doc="Until when it is not sent."),
    Index("ix_alerts_state", "state", "state_since"),
    info={"doc": "Alerts, firing and past."},
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _account(nullable=True),
    Column("alert_id", String(64), nullable=False, doc="The alert."),
    Column("channel", String(60), nullable=False, doc="Where it goes."),
    Column("body", Json, nullable=False, doc="The message."),
    Column("created_at", UtcTime, nullable=False, doc="When it was written (real time)."),
    Column("due_at", UtcTime, nullable=False, doc="When it is tried next."),
    Column("attempts", Integer, nullable=False, default=0, doc="How often it was tried."),
    Column("sent_at", UtcTime, doc="When the channel took it; null until then."),
    Column("error", Text, nullable=False, default="", doc="Why the last try failed."),
    Index("ix_outbox_due", "sent_at", "due_at"),
    info={"doc": "Messages of alerts, until each channel has taken them."},
)

audit = Table(
    "audit",
    metadata,
    _serial(),
    _account(nullable=True),
    Column("at", UtcTime, nullable=False, doc="When."),
    Column("who", String(100), nullable=False, doc="Who."),
    Column(
        "door",
        String(20),
        nullable=False,
        server_default="",
        doc="Pages, API or command line.",
    ),
    Column("action", String(80), nullable=False, doc="What."),
    Column("target", Text, nullable=False, server_default="", doc="To what."),
    Column("before", Text, nullable=False, server_default="", doc="How it stood before."),
    Column("after", Text, nullable=False, server_default="", doc="How it stood after."),
    Column("why", Text, nullable=False, default="", doc="The reason given."),
    info={"doc": "What people did by hand, through whichever door."},
)

api_tokens = Table(
    "api_tokens",
    metadata,
    _id(),
    _account(nullable=True),
    Column("name", String(100), nullable=False, doc="What it is for, as the owner calls it."),
    Column("digest", String(64), nullable=False, doc="SHA-256 of the token; the token itself is not kept."),
    Column("scopes", Json, nullable=False, doc="What it may do: `read`, `draft`, `approve`, `operate`."),
    Column("created_at", UtcTime, nullable=False, doc="When it was made."),
    Column("created_by", String(100), nullable=False, doc="Who made it."),
    Column("used_at", UtcTime, doc="When it was last used, to the hour; null where it never was."),
    Column("revoked_at", UtcTime, doc="When it was revoked; null while it opens the API."),
    UniqueConstraint("digest"),
    info={"doc": "Tokens for programs and agents that use the API."},
)
