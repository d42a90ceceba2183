"""The review: independent of whoever wrote the text, one pure step after the other, each with its reason."""

from stonechat.content.review.draft_review import Bounds, Draft, ReviewVerdict
from stonechat.content.review.steps import STEPS, review

__all__ = ["STEPS", "Bounds", "Draft", "ReviewVerdict", "review"]
