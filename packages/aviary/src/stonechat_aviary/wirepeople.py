"""Accounts in the two shapes in which X's GraphQL answers carry them."""

from __future__ import annotations

import base64
from typing import Any

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.people import Person
from stonechat_aviary.wirelinks import short_link
from stonechat_aviary.worldtime import x_date

Json = dict[str, Any]


def new_user(author: OwnAccount | Person, *, joined: float, followers: int, posts: int, full: bool) -> Json:
    """The newer shape; ``full`` adds what only a profile's own answer has."""
    premium = isinstance(author, Person) and author.premium
    user: Json = {
        "__typename": "User",
        "action_counts": {"favorites_count": 40 + int(author.id) % 900},
        "affiliates_highlighted_label": _label(author) if premium else {},
        "avatar": {"image_url": "/static/avatar.png"},
        "banner": {"image_url": "/static/banner.png"} if premium else {},
        "core": {
            "created_at": x_date(joined),
            "name": author.name,
            "screen_name": author.handle,
        },
        "dm_permissions": {"can_dm": False},
        "follow_request_sent": False,
        "has_graduated_access": True,
        "id": opaque("User", author.id),
        "is_blue_verified": premium,
        "location": {"location": ""},
        "media_permissions": {"can_media_tag": True},
        "notifications_settings": {"notifications_enabled": False},
        "pinned_items": {},
        "possibly_sensitive": False,
        "privacy": {"protected": False},
        "profile_bio": {"description": author.bio, "entities": _bio_entities(author, premium)},
        "profile_description_language": "en",
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
        "tipjar_settings": {"is_enabled": False} if premium else {},
        "tweet_counts": {"media_tweets": 0, "tweets": posts},
        "verification": {"verified": False, "verified_type": "Business"} if premium else {"verified": False},
        "website": {"url": _home(author)["url"]} if premium else {},
    }
    if premium:
        user["professional"] = _profession(author)
    if full:
        user |= {
            "business_account": {},
            "creator_subscriptions_count": 0,
            "has_hidden_subscriptions_on_profile": False,
            "highlights_info": {"can_highlight_tweets": False, "highlighted_tweets": "0"},
            "is_profile_translatable": False,
            "legacy_extended_profile": {},
            "profile_sort_enabled": True,
            "verification_info": _verified(joined) if premium else {},
        }
    return user


def _home(author: OwnAccount | Person) -> Json:
    address = f"https://{author.handle.replace('_', '-')}.example.com/"
    bare = address.removeprefix("https://").rstrip("/")
    return {"display_url": bare, "expanded_url": address, "indices": [0, 23], "url": short_link(address)}


def _bio_entities(author: OwnAccount | Person, premium: bool) -> Json:
    return {"description": {}} | ({"url": {"urls": [_home(author)]}} if premium else {})


def _label(author: OwnAccount | Person) -> Json:
    return {
        "label": {
            "badge": {"url": "/static/avatar.png"},
            "description": "Small Studios",
            "url": {"url": f"/{author.handle}", "urlType": "DeepLink"},
            "userLabelDisplayType": "Badge",
            "userLabelType": "BusinessLabel",
        }
    }


def _profession(author: OwnAccount | Person) -> Json:
    return {
        "category": [{"icon_name": "IconBriefcaseStroke", "id": 1009, "name": "Community"}],
        "professional_type": "Business",
        "rest_id": str(int(author.id) + 1),
    }


def _verified(joined: float) -> Json:
    learn = "This account is verified. Learn more"
    link = {"url": "https://help.example.com/profile-labels", "url_type": "ExternalUrl"}
    description = {"entities": [{"from_index": 26, "ref": link, "to_index": 36}], "text": learn}
    return {"reason": {"description": description, "verified_since_msec": str(int(joined * 1000))}}


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
            "blocked_by": False,
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


def with_block(user: Json) -> Json:
    """The account as one that it has blocked sees it."""
    if "relationship_perspectives" in user:
        return user | {"relationship_perspectives": user["relationship_perspectives"] | {"blocked_by": True}}
    return user | {"legacy": user["legacy"] | {"blocked_by": True}}


def opaque(kind: str, number: str) -> str:
    """The opaque id that GraphQL gives beside the number."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()
