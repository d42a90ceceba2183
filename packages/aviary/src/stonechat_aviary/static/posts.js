// Posts as they are drawn.
const short = (n) => n < 1000 ? String(n) : n < 10000 ? (n / 1000).toFixed(1).replace(".0", "") + "K"
  : n < 1e6 ? Math.floor(n / 1000) + "K" : (n / 1e6).toFixed(1).replace(".0", "") + "M";
const many = (n, one, more) => `${n} ${n === 1 ? one : more}`;

function unwrap(result) {
  if (!result) return null;
  if (result.__typename === "TweetWithVisibilityResults") return result.tweet && result.tweet.legacy ? result.tweet : null;
  return result.legacy ? result : null;
}

function personOf(tweet) {
  const user = tweet.core.user_results.result;
  return user.core
    ? { name: user.core.name, handle: user.core.screen_name }
    : { name: user.legacy.name, handle: user.legacy.screen_name };
}

const plain = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

// The text as it is drawn: what X put before and after it left out, shortened links as they are displayed.
function textOf(tweet, whole) {
  const note = whole && tweet.note_tweet && tweet.note_tweet.note_tweet_results.result;
  const [start, end] = tweet.legacy.display_text_range;
  const text = note ? note.text : [...plain(tweet.legacy.full_text || "")].slice(start, end).join("");
  const urls = (note ? note.entity_set.urls : tweet.legacy.entities.urls) || [];
  const nodes = [];
  let rest = text;
  for (const link of urls) {
    const at = rest.indexOf(link.url);
    if (at < 0) continue;
    nodes.push(rest.slice(0, at), make("a", { href: link.url, dir: "ltr", role: "link" }, link.display_url));
    rest = rest.slice(at + link.url.length);
  }
  nodes.push(rest);
  return nodes.filter((node) => node !== "");
}

function nameBlock(tweet, linked, paid) {
  const person = personOf(tweet);
  const at = new Date(tweet.legacy.created_at);
  const time = make("time", { datetime: at.toISOString() }, at.toUTCString().slice(5, 22));
  const link = linked
    ? make("a", { href: `/${person.handle}/status/${tweet.rest_id}`, dir: "ltr", role: "link" }, time) : time;
  return make("div", { testid: "User-Name" },
    make("a", { href: "/" + person.handle, role: "link" }, make("b", {}, person.name)), " ",
    make("a", { href: "/" + person.handle, role: "link", tabindex: "-1" }, "@" + person.handle),
    paid ? null : [" · ", link]);
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

function repostMenu(tweet) {
  layers.querySelectorAll("[role=menu]").forEach((node) => node.remove());
  const menu = make("div", { role: "menu", class: "menu" },
    make("div", { role: "menuitem", testid: "retweetConfirm", tabindex: "0", onclick: () => menu.remove() }, "Repost"),
    make("a", { role: "menuitem", href: "/compose/post", onclick: (event) => {
      event.preventDefault();
      menu.remove();
      openDialog(null, tweet);
    } }, "Quote"));
  layers.append(menu);
}

function photos(tweet) {
  const media = (tweet.legacy.extended_entities && tweet.legacy.extended_entities.media) || [];
  return media.map((one) => make("div", { testid: "tweetPhoto", "aria-label": one.ext_alt_text || "Image" },
    make("img", { alt: one.ext_alt_text || "Image", src: one.media_url_https, width: "160", height: "120" })));
}

function actions(tweet, focal) {
  const c = tweet.legacy;
  const views = tweet.views && tweet.views.count;
  const reply = () => openDialog({ id: tweet.rest_id, handle: personOf(tweet).handle });
  return make("div", { role: "group", "aria-label": groupLabel(tweet) },
    countButton("reply", c.reply_count, "Reply", "Replies", "Reply", reply),
    countButton("retweet", c.retweet_count, "repost", "reposts", "Repost", () => repostMenu(tweet)),
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

function article(tweet, focal, social, paid) {
  const repost = unwrap(tweet.legacy.retweeted_status_result && tweet.legacy.retweeted_status_result.result);
  if (repost) return article(repost, focal, `${personOf(tweet).name} reposted`);
  const cut = !focal && tweet.note_tweet
    ? make("button", { testid: "tweet-text-show-more-link" }, "Show more") : null;
  return make("article", { testid: "tweet", role: "article", tabindex: focal ? "-1" : "0" },
    social ? make("div", { testid: "socialContext", class: "muted" }, social) : null,
    make("div", { testid: "Tweet-User-Avatar" }), nameBlock(tweet, true, paid),
    paid ? make("div", { dir: "ltr", class: "muted" }, make("span", {}, "Ad")) : null,
    make("div", { testid: "tweetText", "data-part": "text", lang: "en", dir: "auto" }, textOf(tweet, focal)),
    cut, photos(tweet), quoteBlock(tweet), actions(tweet, focal));
}

const cell = (node) => make("div", { testid: "cellInnerDiv" }, node);

function drawItem(content, focalId) {
  if (!content || content.cursorType) return null;
  if (content.user_results) return drawUser(content.user_results.result);
  const result = content.tweet_results && content.tweet_results.result;
  if (!result) return null;
  const tweet = unwrap(result);
  if (!tweet) return make("article", { class: "muted" }, "This Post is unavailable.");
  const social = content.socialContext && content.socialContext.text;
  if (!content.promotedMetadata) return article(tweet, tweet.rest_id === focalId, social);
  return make("div", { testid: "placementTracking" }, article(tweet, false, null, true));
}

function drawUser(user) {
  const name = user.core ? user.core.name : user.legacy.name;
  const handle = user.core ? user.core.screen_name : user.legacy.screen_name;
  return make("button", { testid: "UserCell" }, make("a", { href: "/" + handle }, `${name} @${handle}`));
}
