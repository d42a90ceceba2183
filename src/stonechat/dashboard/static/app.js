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
