/* Listens to what changes, fetches those parts again, draws the plot, asks twice before what cannot be undone. */
"use strict";

function listen() {
  const source = new EventSource("/changes");
  const light = document.querySelector(".link");
  source.onopen = () => { if (light) { light.classList.add("on"); light.title = "Live: this page updates itself"; } };
  source.onerror = () => {
    if (light) { light.classList.remove("on"); light.title = "Connection lost; trying again"; }
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
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const moment = (at) => new Date(at * 1000).toUTCString().slice(5, 22);

function day(at) {
  const text = new Date(at * 1000).toUTCString();
  return at % 86400 === 0 ? text.slice(5, 11) : text.slice(17, 22);
}

async function draw() {
  const box = document.getElementById("plot");
  if (!box) return;
  const answer = await fetch("/api/engagement");
  if (!answer.ok) return;
  const data = await answer.json();
  const empty = document.getElementById("plot-empty");
  empty.hidden = data.at.length > 0;
  box.hidden = data.at.length === 0;
  if (!data.at.length) return;
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const options = {
    width: box.clientWidth, height: 230,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
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
