"""The review that every text passes before it may be queued: pure steps, each with its reason."""

from stonechat.content.review.draft_review import Bounds, Draft, ReviewVerdict
from stonechat.content.review.steps import STEPS, review

__all__ = ["STEPS", "Bounds", "Draft", "ReviewVerdict", "review"]
