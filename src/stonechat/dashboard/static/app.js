/* Listens to what changes, fetches those parts again, draws the plot, asks twice before what cannot be undone. */
"use strict";

function listen() {
  const source = new EventSource("/changes");
  const light = document.querySelector(".link");
  const tell = (on, words) => { if (light) { light.classList.toggle("on", on); light.title = words; light.setAttribute("aria-label", words); } };
  source.onopen = () => tell(true, "Live: this page updates itself");
  source.onerror = () => {
    tell(false, "Connection lost; trying again");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 30000); /* refused: too many pages are open */
  };
  source.onmessage = (message) => {
    for (const topic of message.data.split(" ")) htmx.trigger(document.body, "changed-" + topic);
  };
}

/* A part in which somebody is writing is not replaced under their hands. */
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.target;
  const busy = part.contains(document.activeElement) && document.activeElement.matches("input, textarea");
  if (busy || part.querySelector("details[open], button.sure")) event.preventDefault();
});

/* One menu is open at a time, and a click elsewhere or Escape closes it. */
const closeMenus = (but) => document.querySelectorAll("details.menu[open]").forEach((one) => { if (one !== but) one.open = false; });
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeMenus(); });

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sure]");
  if (!button || button.classList.contains("sure")) return;
  event.preventDefault();
  const label = button.textContent;
  button.textContent = button.dataset.sure;
  button.classList.add("sure");
  setTimeout(() => { button.textContent = label; button.classList.remove("sure"); }, 4000);
});

let chart = null;

function colour(name) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`; /* the property holds light-dark(…); a colour in use is one of the two */
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const zone = () => document.body.dataset.zone || "UTC";
const local = (at, parts) => new Intl.DateTimeFormat("en-GB", { timeZone: zone(), ...parts }).format(new Date(at * 1000));
const moment = (at) => local(at, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function day(at) {
  const time = local(at, { hour: "2-digit", minute: "2-digit" });
  return time === "00:00" ? local(at, { day: "numeric", month: "short" }) : time;
}

async function draw() {
  const box = document.getElementById("plot");
  if (!box) return;
  const answer = await fetch("/api/engagement" + (document.body.dataset.account ? "?account=" + encodeURIComponent(document.body.dataset.account) : ""));
  if (!answer.ok) return;
  const data = await answer.json();
  const empty = document.getElementById("plot-empty");
  empty.hidden = data.at.length > 0;
  box.hidden = data.at.length === 0;
  if (!data.at.length) return;
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const options = {
    width: box.clientWidth, height: 230,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone()),
    cursor: { y: false }, scales: { y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] } },
    axes: [{ ...axis, space: 70, values: (_, ticks) => ticks.map(day) }, { ...axis, size: 44 }],
    series: [
      { label: "Time", value: (_, at) => (at == null ? "" : moment(at)) },
      { label: "One post", stroke: colour("--soft"), width: 0, paths: () => null,
        points: { show: true, size: 6, fill: colour("--soft"), stroke: "transparent" } },
      { label: "Mean of the last ten", stroke: colour("--accent"), width: 2.5, points: { show: false } },
    ],
  };
  if (chart) chart.destroy();
  chart = new uPlot(options, [data.at, data.engagement, data.trend], box);
}

let resizing = 0;
addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(draw, 150); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
document.addEventListener("DOMContentLoaded", () => {
  draw();
  document.body.addEventListener("changed-plot", draw);
  if (document.body.dataset.live !== undefined) listen();
});

/* The inbox by keyboard: j and k move, a approves, e edits, r goes to the reason, m mutes. */
function letters(step) {
  const all = [...document.querySelectorAll(".letter")];
  if (!all.length) return;
  const at = all.findIndex((one) => one === document.activeElement || one.contains(document.activeElement));
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))];
  next.focus();
  next.scrollIntoView({ block: "center" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  if (event.key === "j" || event.key === "k") return letters(event.key === "j" ? 1 : -1);
  const letter = document.activeElement.closest(".letter");
  if (!letter) return;
  const press = { a: "form[action$='/queue/approve'] button", m: "form[action$='/authors/mute'] button" }[event.key];
  if (press) letter.querySelector(press)?.click();
  if (event.key === "r") letter.querySelector("form[action$='/queue/reject'] input[name=why]").focus();
  if (event.key === "e") { const form = letter.querySelector("form[action$='/queue/edit']"); form.closest("details").open = true; form.querySelector("textarea").focus(); }
  if ("are".includes(event.key)) event.preventDefault();
});

/* The calendar: what is scheduled is dragged to another day, at the same time of day. */
document.addEventListener("dragstart", (event) => {
  const entry = event.target.closest?.(".entry[draggable]");
  if (entry) event.dataTransfer.setData("text/plain", JSON.stringify(entry.dataset));
});
document.addEventListener("dragover", (event) => {
  const day = event.target.closest?.(".day");
  document.querySelectorAll(".day.over").forEach((one) => one.classList.toggle("over", one === day));
  if (day) { day.classList.add("over"); event.preventDefault(); }
});
document.addEventListener("drop", (event) => {
  const day = event.target.closest?.(".day"), mover = document.getElementById("mover");
  if (!day || !mover) return;
  event.preventDefault();
  const moved = JSON.parse(event.dataTransfer.getData("text/plain"));
  mover.elements.target.value = moved.id;
  mover.elements.at.value = day.dataset.day + " " + moved.time;
  mover.elements.seen.value = moved.seen;
  mover.requestSubmit();
});

/* What is typed into a form is kept in this browser until it was sent. */
const keptAs = (form) => "stonechat:" + form.dataset.keep;
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-keep]");
  if (form && event.target.matches("textarea, input:not([type=file]):not([type=hidden])")) {
    const kept = Object.fromEntries([...form.querySelectorAll("textarea, input:not([type=file]):not([type=hidden])")].filter((one) => one.name).map((one) => [one.name, one.value]));
    localStorage.setItem(keptAs(form), JSON.stringify(kept));
  }
});
document.addEventListener("submit", (event) => { if (event.target.matches("form[data-keep]")) sessionStorage.setItem("stonechat:sent", keptAs(event.target)); });
function putBack() {
  const sent = sessionStorage.getItem("stonechat:sent");
  if (sent && !document.querySelector("[data-refused]")) localStorage.removeItem(sent);
  sessionStorage.removeItem("stonechat:sent");
  for (const form of document.querySelectorAll("form[data-keep]")) {
    const kept = JSON.parse(localStorage.getItem(keptAs(form)) || "null");
    if (!kept || form.closest("[data-refused]")) continue;
    for (const [name, value] of Object.entries(kept)) if (form.elements[name] && value) form.elements[name].value = value;
    const about = form.querySelector(".kept");
    if (about) about.hidden = false;
  }
}
document.addEventListener("DOMContentLoaded", putBack);

/* The composer: what is typed, part by part, with the length that each network counts. */
let measuring = 0;
async function preview() {
  const box = document.getElementById("preview"), text = document.getElementById("w-text");
  if (!box || !text.value.trim()) return;
  const parts = text.value.split("\n---\n").map((part) => part.trim());
  const answer = await fetch("/api/preview", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ parts }) });
  if (!answer.ok) return;
  const add = (to, tag, words, name) => { const made = document.createElement(tag); made.textContent = words; if (name) made.className = name; to.append(made); return made; };
  box.replaceChildren();
  for (const network of await answer.json()) {
    add(box, "h3", network.network);
    network.parts.forEach((part, number) => {
      const card = add(box, "div", "", "ours");
      add(card, "div", parts[number], "said whole");
      add(card, "div", part.length + " of " + part.limit + (part.fits ? "" : part.length ? ": too long" : ": empty"), part.fits ? "facts" : "held");
    });
  }
}
document.addEventListener("input", (event) => { if (event.target.id === "w-text") { clearTimeout(measuring); measuring = setTimeout(preview, 250); } });
document.addEventListener("DOMContentLoaded", preview);
