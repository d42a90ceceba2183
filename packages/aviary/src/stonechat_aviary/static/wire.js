// The calls behind the page.
const bearer = "Bearer AAAAAAAAAAAAAAAAAAAAAaviary";
const queryIds = {};

const headers = () => ({
  authorization: bearer, "x-csrf-token": cookie("ct0"),
  "x-twitter-active-user": "yes", "x-twitter-auth-type": "OAuth2Session", "x-twitter-client-language": "en",
});

function queryId(operation) {
  if (!queryIds[operation]) {
    let hash = 7;
    for (const c of operation) hash = (hash * 31 + c.charCodeAt(0)) >>> 0;
    queryIds[operation] = hash.toString(36) + "_" + operation.length.toString(36) + "Qx";
  }
  return queryIds[operation];
}

// When the site renames a key on its wire, its own script knows: only others are surprised.
const renamed = new Set(settings.changed.filter((name) => name.startsWith("wire.")).map((name) => name.slice(5) + "_v2"));

function understood(value) {
  if (!renamed.size || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(understood);
  return Object.fromEntries(Object.entries(value).map(
    ([key, inner]) => [renamed.has(key) ? key.slice(0, -3) : key, understood(inner)]));
}

async function ask(operation, variables) {
  const address = `/i/api/graphql/${queryId(operation)}/${operation}?variables=` +
    encodeURIComponent(JSON.stringify(variables)) + "&features=%7B%7D";
  const answer = await fetch(address, { headers: headers() });
  if (!answer.ok) throw new Error("HTTP " + answer.status);
  const body = understood(await answer.json());
  if (body.errors && !Object.keys(body.data || {}).length) throw new Error(body.errors[0].message);
  return body.data;
}

async function send({ text, replyTo, media, quoted }) {
  const variables = {
    tweet_text: text, dark_request: false, semantic_annotation_ids: [],
    media: { media_entities: media.map((id) => ({ media_id: id, tagged_users: [] })), possibly_sensitive: false },
  };
  if (replyTo) variables.reply = { in_reply_to_tweet_id: replyTo, exclude_reply_user_ids: [] };
  if (quoted) variables.attachment_url = `https://x.com/${quoted.handle}/status/${quoted.id}`;
  const id = queryId("CreateTweet");
  const answer = await fetch(`/i/api/graphql/${id}/CreateTweet`, {
    method: "POST",
    headers: { ...headers(), "content-type": "application/json" },
    body: JSON.stringify({ variables, features: {}, queryId: id }),
  });
  return { body: understood(await answer.json()), toast: answer.headers.get("x-aviary-toast") };
}

const PIECE = 4 * 1024 * 1024;

async function upload(file) {
  const call = async (command, query, body) => {
    const address = `/i/media/upload.json?command=${command}&` + new URLSearchParams(query);
    const answer = await fetch(address, { method: "POST", headers: headers(), body });
    if (!answer.ok) throw new Error("HTTP " + answer.status);
    return answer.status === 204 ? null : answer.json();
  };
  const category = file.type.startsWith("video/") ? "tweet_video" : file.type === "image/gif" ? "tweet_gif" : "tweet_image";
  const begun = await call("INIT", { total_bytes: file.size, media_type: file.type, media_category: category });
  const id = begun.media_id_string;
  for (let n = 0; n * PIECE < file.size; n += 1) {
    const form = new FormData();
    form.append("media", file.slice(n * PIECE, (n + 1) * PIECE));
    await call("APPEND", { media_id: id, segment_index: n }, form);
  }
  await call("FINALIZE", { media_id: id });
  return id;
}

const describe = (id, text) => fetch("/i/api/1.1/media/metadata/create.json", {
  method: "POST",
  headers: { ...headers(), "content-type": "application/json" },
  body: JSON.stringify({ media_id: id, alt_text: { text } }),
});
