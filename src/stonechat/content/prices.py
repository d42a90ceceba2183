"""What a model's tokens cost: by the owner's word, else by the list of genai-prices, else by a default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from stonechat.config.settings import ContentSettings
from stonechat.content.writing.endpoint_client import PROVIDERS, named_provider

_SAMPLE = 10_000  # tokens of a call whose price is asked for: below the steps that some models' prices have


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    prompt: float
    completion: float

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost, in US dollars."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1_000_000


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by the model's name.

    Attributes:
        models: the owner's word (``MODEL_PRICES``), which wins.
        default: for models whose price is not known.
        endpoints: base addresses that are asked, in order: the same model may cost otherwise elsewhere.
    """

    default: Price
    models: Mapping[str, Price] = field(default_factory=dict)
    endpoints: tuple[str, ...] = ()

    def of(self, model: str) -> Price:
        """The model's price."""
        return self.known(model) or self.default

    def known(self, model: str) -> Price | None:
        """The model's price; None where nobody knows it and :attr:`default` is booked."""
        if model in self.models:
            return self.models[model]
        provider, name = named_provider(model)
        endpoints = (PROVIDERS[provider],) if provider else self.endpoints
        listed = [price for one in endpoints if (price := listed_price(name, one))]
        return max(listed, key=lambda price: price.prompt + price.completion, default=None)


@cache
def listed_price(model: str, endpoint: str) -> Price | None:
    """The model's price at an endpoint by the list of genai-prices.

    An endpoint that the list does not know (a proxy, a machine of one's own) is taken to charge what the
    model's maker does: rather too much is booked than nothing.
    """
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - loads a table of 7 MB

    def priced(usage: Usage, **where: str) -> float | None:
        try:
            return float(calc_price(usage, model, **where).total_price)  # type: ignore[call-overload]
        except LookupError:
            return None

    for where in ({"provider_api_url": endpoint}, {}):
        prompt = priced(Usage(input_tokens=_SAMPLE, output_tokens=0), **where)
        completion = priced(Usage(input_tokens=0, output_tokens=_SAMPLE), **where)
        if prompt is not None and completion is not None:
            return Price(prompt * 1_000_000 / _SAMPLE, completion * 1_000_000 / _SAMPLE)
    return None


def prices_of(settings: ContentSettings) -> PriceTable:
    """The price table that the settings mean."""
    endpoints = (settings.base_url, *filter(None, [settings.fallback_base_url]))
    return PriceTable(
        Price(settings.price_input_usd, settings.price_output_usd),
        {name: Price(*pair) for name, pair in settings.prices.items()},
        endpoints,
    )
