"""What a session on X's website is made of: the host its cookies belong to, and those that must be there."""

from __future__ import annotations

from stonechat.config.session_form import SessionForm

HOST = "x.com"
SESSION = SessionForm(setting="TWITTER_SESSION_B64", host=HOST, needed=("auth_token", "ct0"))
