// One function for each kind of page.
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

const inlineReply = (id) => composer({ button: "tweetButtonInline", label: "Reply", replyTo: id }).node;

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
    column.append(composer({ button: "tweetButtonInline", label: "Post", thread: true }).node);
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
