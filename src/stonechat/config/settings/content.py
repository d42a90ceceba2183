"""Settings of planning, writing and reviewing."""

from __future__ import annotations

from datetime import timedelta

from stonechat.config.fields import ApiKey, Duration, HomePath, HttpUrl, Names, Prices
from stonechat.config.settings.section import DURATION, HTTP, Section, setting


class ContentSettings(Section):
    """Layer 3."""

    api_key: ApiKey | None = setting("OPENAI_API_KEY", None, "the key of an OpenAI-compatible endpoint")
    """The key for the language model's endpoint. A local endpoint that wants none still needs some text here.
    """
    base_url: HttpUrl = setting("OPENAI_BASE_URL", "https://api.openai.com/v1", HTTP)
    """The endpoint that speaks the OpenAI chat-completions protocol. Change it to use another provider or a
    model on your own machine."""
    model: str = setting("OPENAI_MODEL", "gpt-4o-mini", "a model's name", min_length=1)
    """The model that writes. Its price is looked up; where `stonechat doctor` says that it is not known, set
    MODEL_PRICES, or the budget counts at PRICE_INPUT_USD and PRICE_OUTPUT_USD. A name with its provider
    before it (anthropic:…, google:…, azure:…) is asked by that provider's own protocol, with OPENAI_API_KEY
    as its key and at the provider's own address unless OPENAI_BASE_URL names another (azure needs one).
    The first two come with `pip install 'stonechat[anthropic]'` and `'stonechat[google]'`."""
    fallback_models: Names = setting("OPENAI_FALLBACK_MODELS", (), "model names, separated by commas")
    """Models that are asked in this order when the first one fails."""
    fallback_base_url: HttpUrl | None = setting("OPENAI_FALLBACK_BASE_URL", None, HTTP)
    """Where the fallback models are asked, if not at OPENAI_BASE_URL. Set it to another provider: one that is
    down takes all its models with it."""
    fallback_api_key: ApiKey | None = setting(
        "OPENAI_FALLBACK_API_KEY",
        None,
        "the key of the fallback models' endpoint; OPENAI_API_KEY is not sent there",
    )
    """The key for OPENAI_FALLBACK_BASE_URL. The first endpoint's key is never sent to another provider."""
    call_timeout: Duration = setting("OPENAI_TIMEOUT", timedelta(seconds=30), DURATION)
    """How long one call of a model may take. A call whose answer never came is booked at its full reserved
    cost. Raise it for slow local models."""
    budget_day_usd: float = setting("BUDGET_DAY_USD", 2.0, "US dollars, 0 or more", ge=0)
    """The most that all accounts together may spend on models in one day (UTC). When it is used up, posts
    come from the reserve until the next day. 0 allows no call that costs anything."""
    budget_month_usd: float = setting("BUDGET_MONTH_USD", 30.0, "US dollars, 0 or more", ge=0)
    """The most that all accounts together may spend on models in one calendar month (UTC)."""
    budget_day_tokens: int | None = setting("BUDGET_DAY_TOKENS", None, "a whole number, 0 or more", ge=0)
    """The most tokens, prompt and completion together, that all accounts may use in one day (UTC). Without it
    there is no limit. For models whose price is 0, such as local ones."""
    budget_month_tokens: int | None = setting("BUDGET_MONTH_TOKENS", None, "a whole number, 0 or more", ge=0)
    """The most tokens that all accounts may use in one calendar month (UTC). Without it there is no limit."""
    account_day_usd: float | None = setting("BUDGET_ACCOUNT_DAY_USD", None, "US dollars, 0 or more", ge=0)
    """The most that any one account may spend on models in one day (UTC). Without it only the common budget
    limits. Set it so that one account cannot use up the budget of the others."""
    account_month_usd: float | None = setting("BUDGET_ACCOUNT_MONTH_USD", None, "US dollars, 0 or more", ge=0)
    """The most that any one account may spend on models in one calendar month (UTC). Without it only the
    common budget limits."""
    account_day_tokens: int | None = setting(
        "BUDGET_ACCOUNT_DAY_TOKENS", None, "a whole number, 0 or more", ge=0
    )
    """The most tokens that any one account may use in one day (UTC). Without it there is no limit."""
    account_month_tokens: int | None = setting(
        "BUDGET_ACCOUNT_MONTH_TOKENS", None, "a whole number, 0 or more", ge=0
    )
    """The most tokens that any one account may use in one calendar month (UTC). Without it there is no limit.
    """
    prices: Prices = setting(
        "MODEL_PRICES", {}, "name=prompt/completion in US dollars for a million tokens, separated by commas"
    )
    """The price of each model by name, for counting the budget. Models that are not listed are counted at
    PRICE_INPUT_USD and PRICE_OUTPUT_USD."""
    price_input_usd: float = setting("PRICE_INPUT_USD", 0.15, "US dollars for a million prompt tokens", ge=0)
    """The price of a million prompt tokens for models whose price is not known."""
    price_output_usd: float = setting(
        "PRICE_OUTPUT_USD", 0.60, "US dollars for a million completion tokens", ge=0
    )
    """The price of a million completion tokens for models whose price is not known."""
    drafts: int = setting("DRAFTS_PER_SLOT", 3, "a whole number from 1 to 10", ge=1, le=10)
    """How many drafts are asked for in one call; the review picks the best that passes. More drafts cost more
    and are rejected less often as a whole."""
    judge_model: str = setting(
        "JUDGE_MODEL", "", "a model's name; OPENAI_MODEL by default; off for no second opinion"
    )
    """The model that reads each draft once more and may only say no: for threats, accusations, medical harm
    and what else no list of words can hold. Costs one more call a draft."""
    approval_share: float = setting(
        "APPROVAL_SHARE", 0.9, "a share from 0 to 1, of posts that no second model reads", ge=0, le=1
    )
    """How much of what no second model reads (JUDGE_MODEL=off) waits for your approval, where posts need none
    otherwise. Rules alone miss one in ten hostile posts in plain words; with 0.9 one in a hundred goes out.
    """
    voice_file: HomePath | None = setting("VOICE_FILE", None, "the path of a voice file in TOML")
    """How the accounts sound: topics, tone, words to avoid. `stonechat init` writes one. Without it the
    example that comes with Stonechat is used, which is only good for trying."""
    arms_file: HomePath | None = setting("ARMS_FILE", None, "the path of a file of arms in TOML")
    """The choices that learning tries (topics, hooks, formats, tones, lengths, hours of day). Without it a
    built-in set with the topics of the voice file is used."""
    reserve_days: float = setting("RESERVE_DAYS", 2.0, "days, 0 or more", ge=0)
    """For how many days of posts reviewed drafts are kept ready, to be used when no model can write. 0 keeps
    none."""
    horizon: Duration = setting("PLAN_AHEAD", timedelta(hours=24), DURATION)
    """How far ahead posts are written and queued. Longer survives longer outages of the model; shorter learns
    faster, since a queued post no longer changes."""
