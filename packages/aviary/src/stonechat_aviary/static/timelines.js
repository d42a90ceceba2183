// Timelines: entries into cells, more of them when one scrolls.
function entriesOf(instructions) {
  const entries = [];
  for (const step of instructions || []) {
    if (step.entry) entries.push(step.entry);
    if (step.entries) entries.push(...step.entries);
  }
  return entries;
}

function bottomCursor(entries) {
  const cursors = entries.map((e) => (e.content.cursorType ? e.content : e.content.itemContent || {}));
  const found = cursors.find((c) => c.cursorType === "Bottom" || c.cursorType === "ShowMoreThreads");
  return found ? found.value : null;
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

// Only what is near the window is in the document: cells that were scrolled past are taken out, and put
// back when one scrolls up again. A spacer keeps their height.
function virtual(list) {
  const spacer = make("div", {});
  list.before(spacer);
  const out = [];
  let height = 0;
  const resize = () => { spacer.style.height = height + "px"; };
  return () => {
    while (list.childElementCount > 1 && list.firstElementChild.getBoundingClientRect().bottom < -1200) {
      const node = list.firstElementChild;
      const taken = node.getBoundingClientRect().height;
      out.push([node, taken]);
      height += taken;
      node.remove();
      resize();
    }
    while (out.length && spacer.getBoundingClientRect().bottom > -600) {
      const [node, taken] = out.pop();
      height -= taken;
      resize();
      list.prepend(node);
    }
  };
}

async function timeline({ operation, variables, dig, label, focalId, afterFocal, empty }) {
  const list = make("div", { "aria-label": label });
  const region = make("section", { role: "region" }, list);
  column.append(region);
  const tidy = virtual(list);
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
    tidy();
    if (after && innerHeight + scrollY > document.body.scrollHeight - 600) load();
  });
}
