// Pictures and quoted posts in a composer: previews, and the editor for descriptions.

// The media of one part. Each is { id, file, url, alt }; the id is null until its upload has ended.
function attachments(changed) {
  const media = [];
  let quoted = null;
  const node = make("div", {});

  const draw = () => {
    node.replaceChildren();
    if (!media.length && !quoted) return;
    node.append(make("div", { testid: "attachments" }, media.map(preview), quoted ? quoted.preview : null));
  };

  function preview(one) {
    const label = make("span", { testid: "altTextLabel" }, one.alt || "Add description");
    return make("div", { class: "attached" },
      make("img", { src: one.url, alt: one.alt, width: "120" }),
      make("button", { "aria-label": "Remove media", onclick: () => remove(one) }, "×"),
      make("a", {
        testid: "altTextWrapper", href: "/compose/post/media", "aria-label": "Add description",
        onclick: (event) => { event.preventDefault(); editAlt(node, media, media.indexOf(one), draw); },
      }, label));
  }

  function remove(one) {
    media.splice(media.indexOf(one), 1);
    URL.revokeObjectURL(one.url);
    draw();
    changed();
  }

  async function take(file) {
    const one = { id: null, file, url: URL.createObjectURL(file), alt: "" };
    media.push(one);
    draw();
    changed();
    try {
      one.id = await upload(file);
    } catch (problem) {
      remove(one);
      toast("Some of your media failed to upload.");
    }
    changed();
  }

  return {
    node,
    take,
    quote: (tweet) => {
      const whole = { ...tweet, handle: personOf(tweet).handle, id: tweet.rest_id };
      quoted = { id: whole.id, handle: whole.handle, preview: make("div", { class: "quote" },
        nameBlock(tweet, false), make("div", { testid: "tweetText", "data-part": "text" }, textOf(tweet, false))) };
      draw();
    },
    ids: () => media.map((one) => one.id),
    quoted: () => quoted,
    busy: () => media.some((one) => one.id === null),
    clear: () => { media.splice(0); quoted = null; draw(); },
  };
}

// The editor takes the place of the composer in its dialog; an inline composer gets a dialog for it.
function editAlt(node, media, first, saved) {
  const host = node.closest("[role=dialog]");
  const dialog = host || make("div", { role: "dialog", "aria-modal": "true", class: "compose" });
  const hidden = host ? [...dialog.children] : [];
  const before = location.pathname;
  const texts = media.map((one) => one.alt);
  let at = first;
  hidden.forEach((child) => { child.hidden = true; });
  const box = make("textarea", {
    testid: "altTextInput", name: "altTextInput", maxlength: "1000", oninput: () => { texts[at] = box.value; },
  });
  const turn = (by) => { at += by; show(); };
  const previous = make("button", { "aria-label": "Previous", onclick: () => turn(-1) }, "‹");
  const next = make("button", { "aria-label": "Next", onclick: () => turn(1) }, "›");
  const show = () => {
    box.value = texts[at];
    previous.disabled = at === 0;
    next.disabled = at === media.length - 1;
  };
  const save = make("button", { testid: "endEditingButton", onclick: async () => {
    for (const [n, one] of media.entries()) {
      if (texts[n] === one.alt) continue;
      one.alt = texts[n];
      if (one.id) await describe(one.id, one.alt);
    }
    editor.remove();
    hidden.forEach((child) => { child.hidden = false; });
    if (!host) dialog.remove();
    history.replaceState({}, "", before);
    saved();
  } }, "Save");
  const editor = make("div", { class: "composer" }, media.length > 1 ? [previous, next] : null, box, save);
  dialog.append(editor);
  if (!host) layers.append(dialog);
  history.replaceState({}, "", "/compose/post/media");
  show();
  box.focus();
}
