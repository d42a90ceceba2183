"""Every selector that we read or press, by name: a change of the page is a change of one line here."""

from __future__ import annotations

from enum import StrEnum


class Selector(StrEnum):
    """CSS selectors of X's web page. The names are what ``check_selectors`` and errors report."""

    # who is logged in
    ACCOUNT_SWITCHER = '[data-testid="SideNav_AccountSwitcher_Button"]'
    PROFILE_LINK = '[data-testid="AppTabBar_Profile_Link"]'
    CONSENT = '[data-testid="BottomBar"]'
    CONSENT_MASK = '[data-testid="twc-cc-mask"]'
    NEW_POST = '[data-testid="SideNav_NewTweet_Button"]'
    # composing
    TEXTBOX = '[data-testid="tweetTextarea_0"]'
    SEND = '[data-testid="tweetButton"]'
    SEND_INLINE = '[data-testid="tweetButtonInline"]'
    ADD_PART = '[data-testid="addButton"], [aria-label="Add post"]'
    DIALOG = '[role="dialog"][aria-modal="true"]'
    REPLY = 'article[data-testid="tweet"] [data-testid="reply"]'
    FILE_INPUT = 'input[type="file"][data-testid="fileInput"]'
    ATTACHMENTS = '[data-testid="attachments"]'
    OWN_PREVIEW = '[data-testid="attachments"] img[src^="blob:"]'
    DESCRIBE = '[data-testid="altTextWrapper"]'
    DESCRIPTION = '[data-testid="altTextInput"]'
    NEXT_PICTURE = '[aria-label="Next"], [aria-label^="Next "]'
    DESCRIBED = '[data-testid="endEditingButton"]'
    REPOST = '[data-testid="retweet"], [data-testid="unretweet"]'
    QUOTE = '[role="menu"] a[role="menuitem"][href="/compose/post"]'
    TOAST = '[data-testid="toast"]'
    TOAST_LINK = '[data-testid="toast"] a[href*="/status/"]'
    SUGGESTIONS = '[role="listbox"]'
    SHOUT = '[aria-live="assertive"]'
    # reading posts
    POST = 'article[data-testid="tweet"]'
    PAID = '[data-testid="placementTracking"]'
    POST_TEXT = '[data-testid="tweetText"]'
    USER_NAME = '[data-testid="User-Name"]'
    COUNTS = '[role="group"][aria-label]'
    STATUS_LINK = 'a[href*="/status/"]'
    VIEWS_LINK = 'a[href$="/analytics"][aria-label]'
    EMPTY = '[data-testid="empty_state_header_text"]'
    # an account's page
    PROFILE_NAME = '[data-testid="UserName"]'
    PROFILE_BIO = '[data-testid="UserDescription"]'
    FOLLOWERS = 'a[href$="/verified_followers"], a[href$="/followers"]'
    FOLLOWING = 'a[href$="/following"]'


def textbox(part: int) -> str:
    """The text box of the thread's part number ``part``, counted from 0."""
    return f'[data-testid="tweetTextarea_{part}"]'
