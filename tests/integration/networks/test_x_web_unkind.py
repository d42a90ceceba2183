"""Publishing and reading on a local network that is as unkind as X: forms, lists, edits, hollow entries."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stonechat.core.network import Posted, Publication, Refused
from stonechat.core.texts import canonical
from tests.integration.networks.x_web_support import Bench, open_bench

TEXTS = [
    "Cafe\u0301 talk closes at six.",
    "See README.md, main.rs and docs.python.org first.",
    "www.example.org/a and https://example.org/b?c=d#e, both.",
    "Tea & toast < cake > bread",
    "A tag at the end #sleep",
    "#sleep\n#focus\n#stress",
    "For @quietbuilder\n\nand for @wren\nand $ABC\nand all",
    "Two\n\n\nlines apart #end\nlast",
    "\u1112\u1161\u11ab \U0001f426\u200d\U0001f525 I \u2764\ufe0f it",
    "@wren begins with a handle",
    "Persian \u0645\u06cc\u200c\u0631\u0648\u0645 and \u05e9\u05dc\u05d5\u05dd with marks \u200f(rtl)\u200e",
    "\u2067isolated\u2069 and a family \U0001f468\u200d\U0001f469\u200d\U0001f467 1\ufe0f\u20e3",
    "Blanks at a line's end  \n  and before one\u00a0\n\ttab",
    "Write &amp; for & and &lt;b&gt; for <b>, &copy too",
    "\uff03sleep in full width\n\uff20wren\n\ufb01ne x\u00b2 \u2460",
    "Only the query differs: example.org/?a=1",
    "Only the query differs: example.org/?a=2",
    "x.com/wren/status/15 in the middle, main.rs,lib.rs at the end",
    "- list\n- of #\n- and @\n- and $\nend",
    '**bold** `code` [a](b.c) 1/ 2) :) ;-) \\n "quoted" \u201cso\u201d\u2026',
]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path) as made:
        made.aviary.panel.be_unkind()
        made.levers(refuse={}, edit_every=0)
        yield made


async def test_every_text_goes_out_sign_for_sign_at_the_first_click_and_without_doubt(bench: Bench) -> None:
    clicks = 0

    def clicked() -> None:
        nonlocal clicks
        clicks += 1

    for number, text in enumerate(TEXTS, start=1):
        kept = canonical(text)
        sent = await bench.network.publish(bench.account, Publication((kept,)), before_click=clicked)
        assert isinstance(sent, Posted), (text, sent)
        assert sent.doubts == (), (text, sent.doubts)
        assert clicks == number
        stored = bench.ledger()[-1].text
        assert stored == unicodedata.normalize("NFC", kept)


async def test_a_thread_and_a_reply_with_tags_at_their_ends_are_written_as_approved(bench: Bench) -> None:
    thread = ("One #sleep\nmore", "Two for @wren\n#focus", "Three.")
    sent = await bench.network.publish(bench.account, Publication(thread))
    assert isinstance(sent, Posted)
    assert sent.doubts == ()
    assert [one.text for one in bench.ledger()] == list(thread)
    answer = Publication(("@quietbuilder yes\n#sleep",), reply_to=sent.post_ids[0])
    replied = await bench.network.publish(bench.account, answer)
    assert isinstance(replied, Posted)
    assert replied.doubts == ()
    assert bench.ledger()[-1].text == "@quietbuilder yes\n#sleep"


async def test_an_answer_lost_after_such_a_text_is_found_on_the_profile(bench: Bench) -> None:
    for text in TEXTS[:4]:
        bench.levers(lose_answer=1, no_toast=True, hollow_share=0.0)
        sent = await bench.network.publish(bench.account, Publication((canonical(text),)))
        assert isinstance(sent, Posted), (text, sent)


async def test_another_text_under_the_answers_id_is_posted_with_a_doubt(bench: Bench) -> None:
    bench.levers(edit_every=1)
    sent = await bench.network.publish(bench.account, Publication(("What was meant.",)))
    assert isinstance(sent, Posted)
    read = await bench.network.own_posts(bench.account)
    [post] = read.posts
    assert post.id == sent.post_ids[0], "an edited post goes by the id that it was sent under"
    assert post.text == "What was meant. (edited)"
    assert post.versions == (post.id,)
    page = await bench.network.own_thread(bench.account, post.id)
    assert page.complete
    assert [one.id for one in page.posts] == [post.id]


async def test_a_list_that_takes_the_text_all_the_same_is_refused_once_with_its_reason(bench: Bench) -> None:
    page_script = (
        "() => document.addEventListener('input', (e) => "
        "{ if (e.target.innerText.includes('#x')) e.target.innerText = '#xing'; })"
    )
    async with bench.pool.lease(bench.account.id) as lease:
        await lease.page.context.add_init_script(f"({page_script})()")
    sent = await bench.network.publish(bench.account, Publication(("one #x\ntwo",)))
    assert isinstance(sent, Refused)
    assert sent.permanent
    assert "changes the text" in sent.reason
    assert "suggestions" in sent.reason
    assert bench.ledger() == []


async def test_a_profile_without_posts_is_believed_where_its_head_says_so(bench: Bench) -> None:
    for read in (bench.network.own_posts, bench.network.own_replies):
        empty = await read(bench.account)
        assert empty.complete
        assert empty.posts == ()
    assert isinstance(await bench.network.publish(bench.account, Publication(("The first.",))), Posted)
    bench.levers(profile_delay_s=600.0, hollow_share=0.0)
    for read in (bench.network.own_posts, bench.network.own_replies):
        late = await read(bench.account)
        assert late.posts == ()
        assert not late.complete, "a first post that is not shown yet is not absent"


async def test_hollow_entries_are_places_that_were_not_read(bench: Bench) -> None:
    for number in range(6):
        assert isinstance(
            await bench.network.publish(bench.account, Publication((f"Number {number}.",))), Posted
        )
    bench.levers(hollow_share=0.6)
    read = await bench.network.own_posts(bench.account)
    named = {post.id for post in read.posts} | {post.id for post in read.unread}
    ours = {one.id for one in bench.ledger()}
    nameless = sum(post.id == "" for post in read.unread)
    assert read.complete
    assert len(ours - named) <= nameless
    assert read.unread
