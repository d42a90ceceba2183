// The page's script: asks GraphQL, draws the answer, sends posts. Every hook an adapter may use is here.
"use strict";
(() => {
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const column = document.getElementById("column");
  const layers = document.getElementById("layers");
  const bearer = "Bearer AAAAAAAAAAAAAAAAAAAAAaviary";
  const queryIds = {};
  const tid = (name) => (settings.changed.includes(name) ? name + "_v2" : name);
  const cookie = (name) => (document.cookie.match(new RegExp("(?:^|; )" + name + "=([^;]*)")) || [])[1] || "";

  // ---------------------------------------------------------------- elements
  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "testid") node.setAttribute("data-testid", tid(value));
      else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((c) => c !== null && c !== undefined));
    return node;
  }

  // ---------------------------------------------------------------- wire
  function queryId(operation) {
    if (!queryIds[operation]) {
      let hash = 7;
      for (const c of operation) hash = (hash * 31 + c.charCodeAt(0)) >>> 0;
      queryIds[operation] = hash.toString(36) + "_" + operation.length.toString(36) + "Qx";
    }
    return queryIds[operation];
  }

  async function ask(operation, variables) {
    const address = `/i/api/graphql/${queryId(operation)}/${operation}?variables=` +
      encodeURIComponent(JSON.stringify(variables)) + "&features=%7B%7D";
    const answer = await fetch(address, { headers: headers() });
    if (!answer.ok) throw new Error("HTTP " + answer.status);
    const body = await answer.json();
    if (body.errors && !Object.keys(body.data || {}).length) throw new Error(body.errors[0].message);
    return body.data;
  }

  async function send(text, replyTo) {
    const variables = {
      tweet_text: text, dark_request: false, semantic_annotation_ids: [],
      media: { media_entities: [], possibly_sensitive: false },
    };
    if (replyTo) variables.reply = { in_reply_to_tweet_id: replyTo, exclude_reply_user_ids: [] };
    const id = queryId("CreateTweet");
    const answer = await fetch(`/i/api/graphql/${id}/CreateTweet`, {
      method: "POST",
      headers: { ...headers(), "content-type": "application/json" },
      body: JSON.stringify({ variables, features: {}, queryId: id }),
    });
    return answer.json();
  }

  const headers = () => ({
    authorization: bearer, "x-csrf-token": cookie("ct0"),
    "x-twitter-active-user": "yes", "x-twitter-auth-type": "OAuth2Session", "x-twitter-client-language": "en",
  });

  // ---------------------------------------------------------------- posts
  const short = (n) => n < 1000 ? String(n) : n < 10000 ? (n / 1000).toFixed(1).replace(".0", "") + "K"
    : n < 1e6 ? Math.floor(n / 1000) + "K" : (n / 1e6).toFixed(1).replace(".0", "") + "M";
  const many = (n, one, more) => `${n} ${n === 1 ? one : more}`;

  function unwrap(result) {
    if (!result) return null;
    if (result.__typename === "TweetWithVisibilityResults") return result.tweet;
    return result.legacy ? result : null;
  }

  function personOf(tweet) {
    const user = tweet.core.user_results.result;
    return user.core
      ? { name: user.core.name, handle: user.core.screen_name }
      : { name: user.legacy.name, handle: user.legacy.screen_name };
  }

  const textOf = (tweet, whole) => whole && tweet.note_tweet
    ? tweet.note_tweet.note_tweet_results.result.text : tweet.legacy.full_text;

  function nameBlock(tweet, linked) {
    const person = personOf(tweet);
    const at = new Date(tweet.legacy.created_at);
    const time = make("time", { datetime: at.toISOString() }, at.toUTCString().slice(5, 22));
    const link = linked
      ? make("a", { href: `/${person.handle}/status/${tweet.rest_id}`, dir: "ltr", role: "link" }, time) : time;
    return make("div", { testid: "User-Name" },
      make("a", { href: "/" + person.handle, role: "link" }, make("b", {}, person.name)), " ",
      make("a", { href: "/" + person.handle, role: "link", tabindex: "-1" }, "@" + person.handle), " · ", link);
  }

  function groupLabel(tweet) {
    const c = tweet.legacy;
    const parts = [];
    if (c.reply_count) parts.push(many(c.reply_count, "reply", "replies"));
    if (c.retweet_count) parts.push(many(c.retweet_count, "repost", "reposts"));
    if (c.favorite_count) parts.push(many(c.favorite_count, "like", "likes"));
    if (c.bookmark_count) parts.push(many(c.bookmark_count, "bookmark", "bookmarks"));
    const views = tweet.views && tweet.views.count;
    if (views) parts.push(many(Number(views), "view", "views"));
    return parts.join(", ");
  }

  function countButton(name, n, one, more, verb, onclick) {
    return make("button", {
      testid: name, role: "button", "aria-label": `${many(n, one, more)}. ${verb}`, onclick,
    }, make("span", { testid: "app-text-transition-container" }, n ? short(n) : ""));
  }

  function actions(tweet, focal) {
    const c = tweet.legacy;
    const views = tweet.views && tweet.views.count;
    const reply = () => openDialog({ id: tweet.rest_id, handle: personOf(tweet).handle });
    return make("div", { role: "group", "aria-label": groupLabel(tweet) },
      countButton("reply", c.reply_count, "Reply", "Replies", "Reply", reply),
      countButton("retweet", c.retweet_count, "repost", "reposts", "Repost"),
      countButton("like", c.favorite_count, "Like", "Likes", "Like"),
      !focal && views ? make("a", {
        href: `/${personOf(tweet).handle}/status/${tweet.rest_id}/analytics`, role: "link",
        "aria-label": `${many(Number(views), "view", "views")}. View post analytics`,
      }, short(Number(views))) : null,
      make("button", { testid: "bookmark", "aria-label": focal
        ? `${many(c.bookmark_count, "Bookmark", "Bookmarks")}. Bookmark` : "Bookmark" },
      focal && c.bookmark_count ? short(c.bookmark_count) : ""));
  }

  function quoteBlock(tweet) {
    const quoted = unwrap(tweet.quoted_status_result && tweet.quoted_status_result.result);
    if (!quoted) return null;
    return make("div", { class: "quote", role: "link", tabindex: "0" }, nameBlock(quoted, false),
      make("div", { testid: "tweetText", "data-part": "text", lang: "en", dir: "auto" }, textOf(quoted, false)));
  }

  function article(tweet, focal, social) {
    const repost = unwrap(tweet.legacy.retweeted_status_result && tweet.legacy.retweeted_status_result.result);
    if (repost) return article(repost, focal, `${personOf(tweet).name} reposted`);
    const cut = !focal && tweet.note_tweet
      ? make("button", { testid: "tweet-text-show-more-link" }, "Show more") : null;
    return make("article", { testid: "tweet", role: "article", tabindex: focal ? "-1" : "0" },
      social ? make("div", { testid: "socialContext", class: "muted" }, social) : null,
      make("div", { testid: "Tweet-User-Avatar" }), nameBlock(tweet, true),
      make("div", { testid: "tweetText", "data-part": "text", lang: "en", dir: "auto" }, textOf(tweet, focal)),
      cut, quoteBlock(tweet), actions(tweet, focal));
  }

  const cell = (node) => make("div", { testid: "cellInnerDiv" }, node);

  function drawItem(content, focalId) {
    if (!content) return null;
    if (content.user_results) return drawUser(content.user_results.result);
    const result = content.tweet_results && content.tweet_results.result;
    const tweet = unwrap(result);
    if (!tweet) return make("article", { class: "muted" }, "This Post is unavailable.");
    return article(tweet, tweet.rest_id === focalId, content.socialContext && content.socialContext.text);
  }

  function drawUser(user) {
    const name = user.core ? user.core.name : user.legacy.name;
    const handle = user.core ? user.core.screen_name : user.legacy.screen_name;
    return make("button", { testid: "UserCell" }, make("a", { href: "/" + handle }, `${name} @${handle}`));
  }

  // ---------------------------------------------------------------- timelines
  function entriesOf(instructions) {
    const entries = [];
    for (const step of instructions || []) {
      if (step.entry) entries.push(step.entry);
      if (step.entries) entries.push(...step.entries);
    }
    return entries;
  }

  function bottomCursor(entries) {
    const found = entries.find((e) => e.content.cursorType === "Bottom");
    return found ? found.content.value : null;
  }

  function drawEntries(list, entries, focalId, afterFocal) {
    let drawn = 0;
    for (const entry of entries) {
      const contents = entry.content.items
        ? entry.content.items.map((i) => i.item.itemContent) : [entry.content.itemContent];
      for (const content of contents) {
        const node = drawItem(content, focalId);
        if (!node) continue;
        list.append(cell(node));
        drawn += 1;
        const result = content.tweet_results && content.tweet_results.result;
        if (afterFocal && result && unwrap(result) && unwrap(result).rest_id === focalId) list.append(afterFocal);
      }
    }
    return drawn;
  }

  const failed = () => make("div", { class: "wall" }, make("span", {}, "Something went wrong. Try reloading."),
    " ", make("button", { onclick: () => location.reload() }, "Try again"));

  async function timeline({ operation, variables, dig, label, focalId, afterFocal, empty }) {
    const list = make("div", { "aria-label": label });
    const region = make("section", { role: "region" }, list);
    column.append(region);
    let after = null;
    let busy = false;
    const load = async () => {
      if (busy) return;
      busy = true;
      try {
        const data = await ask(operation, after ? { ...variables, cursor: after } : variables);
        const entries = entriesOf((dig(data) || {}).instructions);
        const drawn = drawEntries(list, entries, focalId, after ? null : afterFocal);
        if (!drawn && !after && empty) column.append(empty());
        after = drawn ? bottomCursor(entries) : null;
      } catch (problem) {
        region.append(failed());
        after = null;
      }
      busy = false;
    };
    await load();
    addEventListener("scroll", () => {
      if (after && innerHeight + scrollY > document.body.scrollHeight - 600) load();
    });
  }

  // ---------------------------------------------------------------- writing
  const segments = new Intl.Segmenter("en", { granularity: "grapheme" });
  const light = (c) => c <= 4351 || (c >= 8192 && c <= 8205) || (c >= 8208 && c <= 8223) || (c >= 8242 && c <= 8247);

  function weigh(text) {
    let weight = 0;
    const rest = text.normalize("NFC").replace(/https?:\/\/[^\s]+\.[^\s]+/g, () => { weight += 23; return ""; });
    for (const { segment } of segments.segment(rest)) {
      if (/\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(segment) && segment.codePointAt(0) > 255) weight += 2;
      else for (const c of segment) weight += light(c.codePointAt(0)) ? 1 : 2;
    }
    return weight;
  }

  function readBox(box) {
    const lines = [];
    let line = "";
    const walk = (node) => {
      for (const child of node.childNodes) {
        if (child.nodeType === 3) {
          const parts = child.data.split("\n");
          line += parts.shift();
          for (const part of parts) { lines.push(line); line = part; }
        } else if (child.nodeName === "BR") {
          if (child.nextSibling || child.parentNode === box) { lines.push(line); line = ""; }
        } else {
          if (child.previousSibling) { lines.push(line); line = ""; }
          walk(child);
        }
      }
    };
    walk(box);
    lines.push(line);
    return lines.join("\n").replace(/\u00a0/g, " ").replace(/\n+$/, "");
  }

  function toast(text, href) {
    layers.querySelectorAll(".toast").forEach((node) => node.remove());
    const node = make("div", { testid: "toast", role: "alert", class: "toast" }, make("span", {}, text),
      href ? make("a", { href, role: "link" }, "View") : null);
    layers.append(node);
    setTimeout(() => node.remove(), 8000);
  }

  function complain(problem) {
    const code = problem && problem.code;
    const text = code === 187 ? "Whoops! You already said that." : (problem && problem.message) || "Something went wrong.";
    document.getElementById("assertive").textContent = text;
    toast(text);
  }

  // One composer: texts in boxes, a send button, and (in the dialog) a button that adds a part.
  function composer({ button, label, replyTo, thread, done }) {
    const boxes = make("div", {});
    const sendButton = make("button", { testid: button, disabled: true, "aria-disabled": "true" }, label);
    const textsNow = () => [...boxes.children].map((box) => readBox(box));
    const refresh = () => {
      const texts = textsNow();
      const ok = texts.every((t) => t.trim() && weigh(t) <= 280);
      sendButton.disabled = !ok;
      if (ok) sendButton.removeAttribute("aria-disabled");
      else sendButton.setAttribute("aria-disabled", "true");
      sendButton.textContent = texts.length > 1 ? "Post all" : label;
    };
    const addBox = () => {
      const box = make("div", {
        testid: "tweetTextarea_" + boxes.children.length, contenteditable: "true", role: "textbox",
        "aria-multiline": "true", "aria-label": "Post text", spellcheck: "true", tabindex: "0", oninput: refresh,
      });
      boxes.append(box);
      refresh();
      return box;
    };
    sendButton.addEventListener("click", async () => {
      const texts = textsNow();
      sendButton.disabled = true;
      sendButton.setAttribute("aria-disabled", "true");
      let last = replyTo || null;
      let sent = 0;
      try {
        for (const text of texts) {
          const body = await send(text, last);
          if (body.errors && body.errors.length) { complain(body.errors[0]); break; }
          const result = (((body.data || {}).create_tweet || {}).tweet_results || {}).result;
          last = result && (result.rest_id || (result.tweet && result.tweet.rest_id));
          if (!last) { complain(null); break; }
          sent += 1;
        }
      } catch (problem) {
        complain(null);
      }
      if (sent === texts.length) {
        while (boxes.children.length > 1) boxes.lastChild.remove();
        boxes.firstChild.replaceChildren();
        refresh();
        toast(sent > 1 ? "Your posts were sent." : "Your post was sent.", `/${settings.handle}/status/${last}`);
        if (done) done();
      } else refresh();
    });
    addBox();
    const add = thread ? make("button", { testid: "addButton", "aria-label": "Add post", onclick: () => addBox().focus() }, "+") : null;
    return make("div", { class: "composer" }, boxes, make("div", {}, add, sendButton));
  }

  function openDialog(replyTo) {
    const close = () => {
      layers.querySelectorAll("[role=dialog]").forEach((node) => node.remove());
      if (location.pathname === "/compose/post") history.replaceState({}, "", "/home");
    };
    close();
    history.pushState({}, "", "/compose/post");
    layers.append(make("div", { role: "dialog", "aria-modal": "true", class: "compose" },
      make("button", { testid: "app-bar-close", "aria-label": "Close", onclick: close }, "×"),
      replyTo ? make("div", { class: "muted" }, "Replying to @" + replyTo.handle) : null,
      composer({
        button: "tweetButton", label: replyTo ? "Reply" : "Post", replyTo: replyTo && replyTo.id,
        thread: !replyTo, done: close,
      })));
    layers.querySelector("[role=textbox]").focus();
  }

  // ---------------------------------------------------------------- pages
  async function profilePage(handle, replies) {
    let user;
    try {
      const data = await ask("UserByScreenName", { screen_name: handle });
      user = data.user && data.user.result;
    } catch (problem) {
      column.append(failed());
      return;
    }
    if (!user) {
      column.append(make("div", { testid: "emptyState" }, make("div", { testid: "empty_state_header_text" }, "This account doesn’t exist")));
      return;
    }
    const old = user.legacy || {};
    const numbers = user.relationship_counts || { followers: old.followers_count, following: old.friends_count };
    const name = user.core ? user.core.name : old.name;
    const bio = user.profile_bio ? user.profile_bio.description : old.description;
    const shown = user.core ? user.core.screen_name : old.screen_name;
    column.append(make("div", { class: "composer" },
      make("div", { testid: "UserName" }, make("span", {}, name), " ", make("span", {}, "@" + shown)),
      make("div", { testid: "UserDescription" }, bio),
      make("div", {},
        make("a", { href: `/${shown}/following` }, make("b", {}, short(numbers.following)), " Following"), " ",
        make("a", { href: `/${shown}/verified_followers` }, make("b", {}, short(numbers.followers)), " Followers"))));
    await timeline({
      operation: replies ? "UserTweetsAndReplies" : "UserTweets",
      variables: { userId: user.rest_id, count: 20, includePromotedContent: true },
      dig: (d) => d.user.result.timeline.timeline, label: `Timeline: ${name}’s posts`,
      empty: () => make("div", { testid: "emptyState" }, `@${shown} hasn’t posted`),
    });
  }

  const inlineReply = (id) => composer({ button: "tweetButtonInline", label: "Reply", replyTo: id });

  const statusPage = (id) => timeline({
    operation: "TweetDetail",
    variables: { focalTweetId: id, with_rux_injections: false, includePromotedContent: true },
    dig: (d) => d.threaded_conversation_with_injections_v2, label: "Timeline: Conversation", focalId: id,
    afterFocal: inlineReply(id),
  });

  function searchPage(parameters) {
    const query = parameters.get("q") || "";
    const box = make("input", { testid: "SearchBox_Search_Input", "aria-label": "Search query", value: query });
    column.append(make("form", { role: "search", onsubmit: (event) => {
      event.preventDefault();
      location.href = "/search?src=typed_query&q=" + encodeURIComponent(box.value);
    } }, box));
    return timeline({
      operation: "SearchTimeline",
      variables: { rawQuery: query, count: 20, querySource: "typed_query", product: parameters.get("f") === "live" ? "Latest" : "Top" },
      dig: (d) => d.search_by_raw_query.search_timeline.timeline, label: "Timeline: Search timeline",
      empty: () => make("div", { testid: "emptyState" },
        make("div", { testid: "empty_state_header_text" }, `No results for “${query}”`),
        make("div", { testid: "empty_state_body_text" }, "Try searching for something else.")),
    });
  }

  const homeTimeline = () => timeline({
    operation: "HomeTimeline", variables: { count: 20, includePromotedContent: true },
    dig: (d) => d.home.home_timeline_urt, label: "Timeline: Your Home Timeline",
  });

  const mentionsPage = () => timeline({
    operation: "NotificationsTimeline", variables: { timeline_type: "Mentions", count: 20 },
    dig: (d) => d.viewer_v2.user_results.result.notification_timeline.timeline, label: "Timeline: Notifications",
    empty: () => make("div", { testid: "emptyState" }, make("div", { testid: "empty_state_header_text" }, "Nothing to see here, yet")),
  });

  async function followersPage(handle) {
    const data = await ask("UserByScreenName", { screen_name: handle });
    await timeline({
      operation: "Followers", variables: { userId: data.user.result.rest_id, count: 20 },
      dig: (d) => d.user.result.timeline.timeline, label: "Timeline: Followers",
    });
  }

  function route() {
    const parts = location.pathname.split("/").filter(Boolean);
    if (parts[0] === "compose") return openDialog(null);
    if (parts[0] === "search") return searchPage(new URLSearchParams(location.search));
    if (parts[0] === "notifications") return mentionsPage();
    if (parts[1] === "status") return statusPage(parts[2]);
    if (parts[0] === "home" || parts[0] === "explore") {
      column.append(composer({ button: "tweetButtonInline", label: "Post", thread: true }));
      return homeTimeline();
    }
    if ((parts[1] || "").endsWith("followers")) return followersPage(parts[0]);
    return profilePage(parts[0], parts[1] === "with_replies");
  }

  document.querySelectorAll('a[href="/compose/post"]').forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    openDialog(null);
  }));
  document.querySelectorAll("#consent button").forEach((button) => button.addEventListener("click", () => {
    document.cookie = "d_prefs=answered; path=/";
    document.getElementById("mask").remove();
    document.getElementById("consent").remove();
  }));
  Promise.resolve(route()).catch(() => column.append(failed()));
})();
