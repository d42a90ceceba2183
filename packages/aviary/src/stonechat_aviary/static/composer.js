// Writing and sending.
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
      if (child.nodeName !== "DIV" && child.previousSibling && child.previousSibling.nodeName === "DIV") {
        lines.push(line);
        line = "";
      }
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

// The list behind # and @: it comes a moment after the sign, and takes Enter and Tab while it is there.
function suggest(box, refresh) {
  let list = null;
  const token = () => {
    const at = getSelection();
    if (!at.isCollapsed || !box.contains(at.anchorNode) || at.anchorNode.nodeType !== 3) return "";
    const found = /(?:^|[^\p{L}\p{N}_])([#@$][\p{L}\p{N}_]*)$/u.exec(at.anchorNode.data.slice(0, at.anchorOffset));
    return found ? found[1] : "";
  };
  const close = () => { if (list) list.remove(); list = null; };
  const look = () => setTimeout(() => {
    const wanted = token();
    close();
    if (!wanted) return;
    list = make("div", { testid: "typeaheadDropdown", role: "listbox", class: "menu" },
      make("div", { role: "option" }, wanted + "ing"), make("div", { role: "option" }, wanted + "er"));
    box.after(list);
  }, 15);
  box.addEventListener("input", look);
  document.addEventListener("selectionchange", () => { if (list && !token()) close(); });
  box.addEventListener("keydown", (pressed) => {
    if (!list) return;
    if (pressed.key === "Escape") { close(); pressed.stopPropagation(); return; }
    if (pressed.key !== "Enter" && pressed.key !== "Tab") return;
    pressed.preventDefault();
    const wanted = token();
    const taken = list.firstChild.textContent;
    close();
    document.execCommand("insertText", false, taken.slice(wanted.length) + " ");
    refresh();
  });
}

// One composer: parts with a text box and attachments each, a send button, and (in the dialog) a button
// that adds a part.
function composer({ button, label, replyTo, thread, quoted, done }) {
  const boxes = make("div", {});
  const parts = [];
  let last = null;
  const sendButton = make("button", { testid: button, disabled: true, "aria-disabled": "true" }, label);
  const complete = (part) => {
    const text = readBox(part.box);
    return (text.trim() || part.media.ids().length) && weigh(text) <= 280 && !part.media.busy();
  };
  const refresh = () => {
    const ok = !settings.dead && parts.every(complete);
    sendButton.disabled = !ok;
    if (ok) sendButton.removeAttribute("aria-disabled");
    else sendButton.setAttribute("aria-disabled", "true");
    sendButton.textContent = parts.length > 1 ? "Post all" : label;
  };
  const addPart = () => {
    const part = {};
    part.box = make("div", {
      testid: "tweetTextarea_" + parts.length, contenteditable: "true", role: "textbox",
      "aria-multiline": "true", "aria-label": "Post text", spellcheck: "true", tabindex: "0", oninput: refresh,
      onfocus: () => { last = part; },
    });
    if (settings.suggestions) suggest(part.box, refresh);
    part.media = attachments(refresh);
    part.node = make("div", {}, part.box, part.media.node);
    parts.push(part);
    boxes.append(part.node);
    last = part;
    refresh();
    return part;
  };
  const files = make("input", {
    testid: "fileInput", type: "file", multiple: true, class: "files", tabindex: "-1",
    accept: "image/jpeg,image/png,image/webp,image/gif,video/mp4,video/quicktime",
    onchange: () => {
      const chosen = [...files.files];
      files.value = "";
      chosen.forEach((file) => last.media.take(file));
    },
  });
  const reset = () => {
    parts.splice(1).forEach((part) => part.node.remove());
    parts[0].box.replaceChildren();
    parts[0].media.clear();
    last = parts[0];
    refresh();
  };
  sendButton.addEventListener("click", async () => {
    const orders = parts.map((part) => ({ text: readBox(part.box), media: part.media.ids(), quoted: part.media.quoted() }));
    sendButton.disabled = true;
    sendButton.setAttribute("aria-disabled", "true");
    let newest = replyTo || null;
    let sent = 0;
    let says = null;
    try {
      for (const order of orders) {
        const { body, toast: told } = await send({ ...order, replyTo: newest });
        if (body.errors && body.errors.length) { complain(body.errors[0]); break; }
        const result = (((body.data || {}).create_tweet || {}).tweet_results || {}).result;
        newest = result && (result.rest_id || (result.tweet && result.tweet.rest_id));
        if (!newest) { complain(null); break; }
        says = told;
        sent += 1;
      }
    } catch (problem) {
      complain(null);
    }
    if (sent < orders.length) { refresh(); return; }
    reset();
    if (says !== "none") {
      toast(sent > 1 ? "Your posts were sent." : "Your post was sent.", says || `/${settings.handle}/status/${newest}`);
    }
    if (done) done();
  });
  const first = addPart();
  if (quoted) first.media.quote(quoted);
  const add = thread ? make("button", { testid: "addButton", "aria-label": "Add post", onclick: () => addPart().box.focus() }, "+") : null;
  const node = make("div", { class: "composer" }, boxes,
    make("div", {}, make("button", { "aria-label": "Add photos or video", onclick: () => files.click() }, "▣"), files, add, sendButton));
  return { node, written: () => parts.some((part) => readBox(part.box).trim() || part.media.ids().length) };
}

// Closing a dialog with a text in it asks first, as X does.
function askBeforeClosing(close) {
  const sheet = make("div", { testid: "confirmationSheetDialog", role: "alertdialog", class: "menu" },
    make("b", {}, "Save post?"),
    make("button", { testid: "confirmationSheetConfirm", onclick: () => { sheet.remove(); close(); } }, "Save"),
    make("button", { testid: "confirmationSheetCancel", onclick: () => { sheet.remove(); close(); } }, "Discard"));
  layers.append(sheet);
}

function openDialog(replyTo, quoted) {
  const close = () => {
    layers.querySelectorAll("[role=dialog]").forEach((node) => node.remove());
    if (location.pathname === "/compose/post") history.replaceState({}, "", "/home");
  };
  close();
  history.pushState({}, "", "/compose/post");
  const inside = composer({
    button: "tweetButton", label: replyTo ? "Reply" : "Post", replyTo: replyTo && replyTo.id,
    thread: !replyTo, quoted, done: close,
  });
  const leave = () => (inside.written() ? askBeforeClosing(close) : close());
  layers.append(make("div", { role: "dialog", "aria-modal": "true", class: "compose" },
    make("button", { testid: "app-bar-close", "aria-label": "Close", onclick: leave }, "×"),
    replyTo ? make("div", { class: "muted" }, "Replying to @" + replyTo.handle) : null,
    inside.node));
  layers.querySelector("[role=textbox]").focus();
}
