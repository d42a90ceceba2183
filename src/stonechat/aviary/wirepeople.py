"""Accounts in the two shapes in which X's GraphQL answers carry them."""

from __future__ import annotations

import base64
from typing import Any

from stonechat.aviary.accounts import OwnAccount
from stonechat.aviary.people import Person
from stonechat.aviary.worldtime import x_date

Json = dict[str, Any]


def new_user(author: OwnAccount | Person, *, joined: float, followers: int, posts: int, full: bool) -> Json:
    """The newer shape; ``full`` adds what only a profile's own answer has."""
    user: Json = {
        "__typename": "User",
        "action_counts": {"favorites_count": 40 + int(author.id) % 900},
        "affiliates_highlighted_label": {},
        "avatar": {"image_url": "/static/avatar.png"},
        "core": {
            "created_at": x_date(joined),
            "name": author.name,
            "screen_name": author.handle,
        },
        "dm_permissions": {"can_dm": False},
        "follow_request_sent": False,
        "has_graduated_access": True,
        "id": opaque("User", author.id),
        "is_blue_verified": isinstance(author, Person) and author.premium,
        "location": {"location": ""},
        "media_permissions": {"can_media_tag": True},
        "notifications_settings": {"notifications_enabled": False},
        "possibly_sensitive": False,
        "privacy": {"protected": False},
        "profile_bio": {"description": author.bio, "entities": {"description": {}}},
        "profile_image_shape": "Circle",
        "profile_metadata": {"profile_interstitial_type": ""},
        "profile_translation": {"translator_type": "none"},
        "relationship_counts": {
            "followers": followers,
            "following": author.following,
        },
        "relationship_perspectives": dict.fromkeys(
            ("blocked_by", "blocking", "followed_by", "following", "live_following", "muting"), False
        ),
        "rest_id": author.id,
        "super_follow_eligible": False,
        "super_followed_by": False,
        "super_following": False,
        "tipjar_settings": {},
        "tweet_counts": {"media_tweets": 0, "tweets": posts},
        "verification": {"verified": False},
    }
    if full:
        user |= {
            "business_account": {},
            "creator_subscriptions_count": 0,
            "has_hidden_subscriptions_on_profile": False,
            "highlights_info": {"can_highlight_tweets": False, "highlighted_tweets": "0"},
            "is_profile_translatable": False,
            "legacy_extended_profile": {},
            "profile_sort_enabled": True,
            "verification_info": {},
        }
    return user


def old_user(person: Person, posts: int) -> Json:
    """The older shape, with almost everything under ``legacy``."""
    return {
        "__typename": "User",
        "id": opaque("User", person.id),
        "rest_id": person.id,
        "affiliates_highlighted_label": {},
        "has_graduated_access": True,
        "is_blue_verified": person.premium,
        "profile_image_shape": "Circle",
        "legacy": {
            "can_dm": False,
            "can_media_tag": True,
            "created_at": x_date(person.joined),
            "default_profile": True,
            "description": person.bio,
            "entities": {"description": {"urls": []}},
            "fast_followers_count": 0,
            "favourites_count": 40 + int(person.id) % 900,
            "followers_count": person.followers,
            "friends_count": person.following,
            "listed_count": 1,
            "location": "",
            "media_count": 0,
            "name": person.name,
            "normal_followers_count": person.followers,
            "possibly_sensitive": False,
            "profile_image_url_https": "/static/avatar.png",
            "screen_name": person.handle,
            "statuses_count": posts,
            "verified": False,
        },
    }


def opaque(kind: str, number: str) -> str:
    """The opaque id that GraphQL gives beside the number."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()
