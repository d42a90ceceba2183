// What every part uses: the settings of this page, and how elements are made.
const settings = JSON.parse(document.getElementById("settings").textContent);
const column = document.getElementById("column");
const layers = document.getElementById("layers");
const tid = (name) => (settings.changed.includes(name) ? name + "_v2" : name);
const cookie = (name) => (document.cookie.match(new RegExp("(?:^|; )" + name + "=([^;]*)")) || [])[1] || "";

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "testid") node.setAttribute("data-testid", tid(value));
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return node;
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

// A lever moves what a selector finds: the attributes that it goes by are taken from every such element.
const hidden = settings.changed.filter((name) => name.startsWith("css:")).map((name) => name.slice(4));
if (hidden.length) {
  const last = (selector) => selector.trim().split(/\s+(?![^[]*\])/).pop();
  const attributes = (selector) => selector.split(",").flatMap((one) => [...last(one).matchAll(/\[([\w-]+)/g)].map((m) => m[1]));
  const hide = () => hidden.forEach((selector) => document.querySelectorAll(selector).forEach(
    (node) => attributes(selector).forEach((name) => node.removeAttribute(name))));
  new MutationObserver(hide).observe(document, { subtree: true, childList: true, attributes: true });
  hide();
}
