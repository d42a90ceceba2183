"""Puts layer 3 together: voice, arms, budget, writers, review, planner and replier."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from stonechat.config.networks import KnownNetworks
from stonechat.config.session_form import read_session
from stonechat.config.settings import AccountSettings, Section, Settings
from stonechat.content.arms import Arms, ArmsOf, load_arms
from stonechat.content.budget import Budget, limits_of
from stonechat.content.content_store import ContentStore
from stonechat.content.planner import Choose, Planner, PlanSettings
from stonechat.content.post_claims import Claims
from stonechat.content.prices import prices_of
from stonechat.content.quoting import Quoting
from stonechat.content.replies import Replier, ReplySettings
from stonechat.content.voice import Voice, load_voice
from stonechat.content.writing.fallback import FallbackChain
from stonechat.content.writing.judge import ModelJudge
from stonechat.content.writing.pipeline import Rank, RulesOf, WritingPipeline
from stonechat.content.writing.prompts import Prompts
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream
from stonechat.core.redaction import Secrets
from stonechat.database import Database
from stonechat.database.spool.spool import Spool
from stonechat.networks.registry import installed
from stonechat.startup.build_models import GuardOf, open_models


@dataclass(frozen=True, slots=True)
class Writing:
    """Layer 3, put together."""

    planner: Planner
    replier: Replier
    drafter: WritingPipeline
    budget: Budget
    arms_of: ArmsOf


@asynccontextmanager
async def open_writing(
    settings: Settings,
    database: Database,
    clock: Clock,
    events: EventStream,
    rng: random.Random,
    *,
    spool: Spool,
    rules_of: RulesOf,
    choose: Choose,
    guard_of: GuardOf,
    rank: Rank | None = None,
    known: Secrets | None = None,
) -> AsyncIterator[Writing]:
    """The planner and the replier, with one client for the model endpoint, closed at the end.

    Without a file of arms the topics of an account are those of its voice.

    Args:
        known: secrets that no post may contain; it learns those that the settings give.
    """
    own = settings.content
    known = known or Secrets()
    known.learn(secrets(settings, installed().known()))
    voice, voices = load_voice(own.voice_file), _voices(settings)
    common = load_arms(own.arms_file)
    arms_of = arms_of_settings(settings, common)
    budget = open_budget(settings, database, clock, events)
    async with open_models(own, guard_of) as models:
        spacing = settings.posting.min_spacing
        share = 0.0 if models.judges else own.approval_share
        content_store = ContentStore(
            database, clock, rng, events, arms_of, spacing=spacing, lead=_lead(clock), held_share=share
        )
        drafter = WritingPipeline(
            database=database,
            clock=clock,
            events=events,
            spool=spool,
            chain=FallbackChain(models.writers, budget, clock, events),
            prompts=Prompts(common),
            content_store=content_store,
            rules_of=rules_of,
            voice=voice,
            voices=voices,
            drafts=own.drafts,
            secrets=known,
            rank=rank,
            judge=ModelJudge(FallbackChain(models.judges, budget, clock, events)) if models.judges else None,
            held_share=share,
        )
        claims = _claims(settings, database, clock, spool, drafter)
        plan = PlanSettings(horizon=own.horizon, reserve_days=own.reserve_days)
        planner = Planner(
            database, clock, rng, events, arms_of, content_store, drafter, choose, Quoting(claims), plan
        )
        replies = ReplySettings(per_day=settings.posting.replies_per_day)
        replier = Replier(database, clock, rng, common, drafter, claims, replies)
        yield Writing(planner, replier, drafter, budget, arms_of)


def open_budget(settings: Settings, database: Database, clock: Clock, events: EventStream) -> Budget:
    """The budget that the settings set, over ``database``."""
    return Budget(database, clock, events, limits_of(settings.content), prices_of(settings.content))


def _claims(
    settings: Settings, database: Database, clock: Clock, spool: Spool, drafter: WritingPipeline
) -> Claims:
    return Claims(
        database,
        clock,
        spool,
        freshness=settings.harvesting.freshness,
        author_cooldown=settings.posting.author_cooldown,
        language_of=lambda account: drafter.voice_of(account).language,
    )


def arms_of_settings(settings: Settings, common: Arms) -> ArmsOf:
    """The arms of each account: those of the owner's file, or the common ones about its voice's topics."""
    own = settings.content
    if own.arms_file is not None:
        return lambda _account: common
    return arms_of_voices(common, load_voice(own.voice_file), _voices(settings))


def arms_of_voices(common: Arms, voice: Voice, voices: Mapping[str, Voice]) -> ArmsOf:
    """The common arms, about the topics of each account's own voice."""
    own = {one: common.about(dict.fromkeys(of.topics)) for one, of in voices.items()}
    others = common.about(dict.fromkeys(voice.topics))
    return lambda account: own.get(account, others)


def _lead(clock: Clock) -> timedelta:
    """A post must not be planned for a moment that has passed by the time it is written. Account time."""
    return timedelta(seconds=5) * max(1.0, clock.speed) if clock.speed > 1 else timedelta(minutes=2)


def _voices(settings: Settings) -> dict[str, Voice]:
    """The voices of accounts that have one of their own."""
    return {account_id(one): load_voice(one.voice_file) for one in settings.accounts if one.voice_file}


def account_id(account: AccountSettings) -> str:
    """Ours, stable: ``network:handle``."""
    return f"{account.network}:{account.handle}"


def secrets(settings: Settings, networks: KnownNetworks) -> list[str]:
    """What must stand in no post, log or page: keys, passwords, cookies of a log-in, alert addresses."""
    own, forms = settings.content, networks.every
    held = [(one.session_b64, forms[one.network].session) for one in settings.accounts]
    sessions = [(secret.get_secret_value(), form) for secret, form in held if secret is not None and form]
    given = (
        *(own.api_key, own.fallback_api_key, settings.startup.session_key),
        *(settings.dashboard.password, settings.dashboard.metrics_token),
    )
    found = [secret.get_secret_value() for secret in given if secret is not None]
    found += [session for session, _ in sessions]
    cookies = [(one, form) for session, form in sessions for one in read_session(session, form).cookies]
    found += [str(cookie["value"]) for cookie, form in cookies if cookie["name"] in form.needed]
    found += [str(value) for section in settings.networks.values() for value in _kept_secret(section)]
    told = _told(settings)
    found += [secret for url in told for secret in (url.rstrip("/"), *_tokens(url))]
    addresses = (settings.database.url, settings.cache.url, settings.jobs.engine_url, *told)
    addresses += tuple(filter(None, (own.base_url, own.fallback_base_url)))
    passwords = [part for url in addresses if url and (part := urlsplit(url).password)]
    found += [form for part in passwords for form in (part, unquote(part))]
    found += [key for url in (own.base_url, own.fallback_base_url) if url for key in query_secrets(url)]
    return list(dict.fromkeys(found))


def _kept_secret(section: Section) -> list[str]:
    """The values of a section that are declared as secrets."""
    values = (getattr(section, name) for name in type(section).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def _told(settings: Settings) -> list[str]:
    """Where the owner is told: whoever knows such an address can write to it."""
    own = settings.alerting
    return [str(url) for url in (own.webhook_url, own.heartbeat_url, *own.urls) if url]


def query_secrets(url: str) -> list[str]:
    """Values in an address's query that look like keys."""
    return [value for _, value in parse_qsl(urlsplit(url).query) if len(value) >= 12]


def _tokens(url: str) -> list[str]:
    """The parts of an alert address that look like keys; errors of the service name them on their own."""
    parts = urlsplit(url)
    host = () if parts.scheme in ("http", "https") else (parts.netloc.rpartition("@")[2],)
    return [
        part
        for part in (*host, *parts.path.split("/"))
        if len(part) >= 12 and any(sign.isdigit() for sign in part)
    ]
