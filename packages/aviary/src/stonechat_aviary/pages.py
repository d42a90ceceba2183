"""The site's HTML: the shell that the script fills, and the walls that stand in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from importlib import resources

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.levers import Levers

SUSPENDED = "Your account is suspended and is not permitted to perform this action."
_SCRIPTS = ("elements", "wire", "posts", "timelines", "media", "composer", "pages")
"""The parts of the page's script, in order; together they are one closure."""
_TITLES = {"home": "Home", "compose": "Home", "search": "Search", "notifications": "Notifications"}


class Pages:
    """All pages, with the site's script and style read once when the site opens."""

    def __init__(self) -> None:
        folder = resources.files("stonechat_aviary") / "static"
        parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
        self.script = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
        self.style = (folder / "site.css").read_text(encoding="utf-8")

    def shell(self, account: OwnAccount, path: str, levers: Levers, *, consent_wall: bool) -> str:
        """The page of a logged-in account; the script reads the address and fills it."""
        changed = levers.page_changed

        def tid(name: str) -> str:
            return f'data-testid="{name}_v2"' if name in changed else f'data-testid="{name}"'

        told = {
            "handle": account.handle,
            "id": account.id,
            "changed": changed,
            "dead": levers.dead_button,
            "suggestions": levers.suggestions,
        }
        settings = json.dumps(told)
        handle = escape(account.handle)
        wall = (_consent(tid) if consent_wall else "") + (_overlay(tid) if levers.overlay else "")
        return f"""<!DOCTYPE html>
<html dir="ltr" lang="en"><head><meta charset="utf-8"><title>{_title(path)}</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/site.css"></head><body>
<div id="react-root"><header role="banner"><nav aria-label="Primary" role="navigation">
<a href="/home" {tid("AppTabBar_Home_Link")}>Home</a>
<a href="/explore" {tid("AppTabBar_Explore_Link")}>Explore</a>
<a href="/notifications" {tid("AppTabBar_Notifications_Link")}>Notifications</a>
<a href="/{handle}" {tid("AppTabBar_Profile_Link")} aria-label="Profile">Profile</a></nav>
<a href="/compose/post" {tid("SideNav_NewTweet_Button")} aria-label="Post" role="link">Post</a>
<button {tid("SideNav_AccountSwitcher_Button")} aria-label="Account menu">
<span>{escape(account.name)}</span> <span>@{handle}</span></button></header>
<main role="main"><div {tid("primaryColumn")} id="column"></div></main></div>
<div id="layers"></div><div id="assertive" aria-live="assertive"></div>{wall}
<script type="application/json" id="settings">{settings}</script>
<script src="/static/site.js"></script></body></html>"""

    def login(self, *, wrong: bool = False) -> str:
        """The login wall: first the name, then the password."""
        said = '<p role="alert" data-testid="toast">Wrong password!</p>' if wrong else ""
        return _wall(
            "Log in to X / X",
            f'<h1>Log in to X</h1>{said}<form method="post" id="login">'
            '<label>Phone, email, or username<input name="text" autocomplete="username"></label>'
            '<button type="button" id="next">Next</button>'
            '<div id="second" hidden><label>Password<input name="password" type="password" '
            'autocomplete="current-password"></label>'
            '<button data-testid="LoginForm_Login_Button">Log in</button></div></form>'
            f"<script>{_LOGIN}</script>",
        )

    def locked(self) -> str:
        """``/account/access`` of a locked account."""
        return _wall(
            "X",
            "<h1>Your account has been locked.</h1><p>We detected unusual activity on your account. To "
            "get back in, please verify that it is yours.</p><form><input type=submit value=Start></form>",
        )

    def challenged(self) -> str:
        """``/account/access`` with a challenge that only a human may solve."""
        return _wall(
            "X",
            "<h1>Confirm it is you</h1><p>Please verify that you are human by completing the challenge.</p>"
            '<iframe id="arkose_iframe" title="Verification challenge" srcdoc="<p>Challenge</p>"></iframe>',
        )

    def suspended(self) -> str:
        """What a suspended account sees everywhere."""
        return _wall("X", f'<h1>Account suspended</h1><p role="alert">{SUSPENDED}</p>')

    def failed(self) -> str:
        """The page for a server error."""
        return _wall(
            "X",
            "<p>Something went wrong, but don't fret: let's give it another shot.</p>"
            "<button>Try again</button>",
        )

    def nothing_here(self) -> str:
        """The page for an address that does not exist."""
        return _wall(
            "Page not found / X", "<h1>Hmm...this page doesn't exist. Try searching for something else.</h1>"
        )


_LOGIN = """
const form = document.getElementById("login");
const second = () => {
  document.getElementById("second").hidden = false;
  document.getElementById("next").hidden = true;
  form.password.focus();
};
document.getElementById("next").addEventListener("click", second);
form.addEventListener("submit", (event) => {
  if (document.getElementById("second").hidden) { event.preventDefault(); second(); }
});
"""


def _title(path: str) -> str:
    parts = path.strip("/").split("/")
    if parts[0] in _TITLES:
        return f"{_TITLES[parts[0]]} / X"
    return f"Post by @{escape(parts[0])} / X" if "status" in parts else f"@{escape(parts[0])} / X"


def _wall(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/site.css"></head>'
        f'<body><div id="react-root"><main class="wall" role="main">{body}</main></div></body></html>'
    )


def _consent(named: Callable[[str], str]) -> str:
    return (
        f'<div {named("twc-cc-mask")} id="mask" class="mask"></div><div {named("BottomBar")} id="consent" '
        'class="consent" role="dialog"><span>Did someone say … cookies?</span>'
        "<p>X and its partners use cookies to provide you with a better service.</p>"
        "<button data-answer=accept>Accept all cookies</button> "
        "<button data-answer=refuse>Refuse non-essential cookies</button></div>"
    )


def _overlay(named: Callable[[str], str]) -> str:
    """A layer that wants to sell something; it can only be closed, not answered."""
    return (
        f'<div {named("mask")} class="mask"></div><div {named("sheetDialog")} class="consent" role="dialog" '
        'aria-modal="true"><h2>See more with Premium</h2><p>Half the adverts, longer posts.</p>'
        "<button>Subscribe</button></div>"
    )
