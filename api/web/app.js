// The page: maps the address to a view, shows how fresh the data is, and asks for the token.

import { hasToken, now_ms, Refused, useToken } from "./client.js";
import { h, replace } from "./dom.js";
import { EntityView } from "./entity.js";
import { clock, duration } from "./format.js";
import { namespacesTable, nodesTable, podsTable } from "./lists.js";
import { Live } from "./live.js";
import { OverviewView } from "./overview.js";
import { link, tick } from "./parts.js";
import { startSearch } from "./search.js";

const byId = (id) => document.getElementById(id);
const main = byId("main");
const shown = { path: null, view: null, status: null, lost_ms: null, refusal: null, answered_ms: null };

// What the page passes to a view: read the query parameters, change them, fetch again.
const page = {
  query: () => address().query,
  go: (changes, { push = false } = {}) => {
    const { path, query } = address();
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) query.delete(name);
      else query.set(name, value);
    }
    const hash = `${link(...path)}${query.size ? `?${query}` : ""}`;
    if (push) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
    route();
  },
  again: () => live.watch(shown.view.requests()),
};

const live = new Live({
  status: (body) => {
    shown.status = body;
    shown.answered_ms = now_ms();
  },
  lost: (error) => {
    shown.lost_ms = error ? (shown.lost_ms ?? now_ms()) : null;
    shown.refusal = error instanceof Refused ? `The service refused the request: ${error.message}.` : null;
    updateBanner();
  },
  denied: (error) => askForToken(error),
});

function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // an address typed by hand may have a stray %
  }
}

class ListView {
  constructor(title, table) {
    this.title = title;
    this.table = table;
    this.element = h("div", { class: "stack" }, h("h1", { class: "unseen" }, title), table.element);
  }

  requests() {
    return [this.table.request()];
  }
}

class UnknownView {
  title = "Not found";
  element = h(
    "section",
    { class: "empty" },
    h("h1", null, "Page not found"),
    h("p", null, h("a", { href: "#/" }, "Overview")),
  );

  requests() {
    return [];
  }
}

function viewOf(path) {
  const [root, name, below, inner, containers, container] = path;
  const nodes = ["Nodes", "#/nodes"];
  const namespaces = ["Namespaces", "#/namespaces"];
  if (path.length === 0) return new OverviewView(page);
  if (path.length === 1 && root === "nodes") return new ListView("Nodes", nodesTable(page));
  if (path.length === 1 && root === "namespaces") return new ListView("Namespaces", namespacesTable(page));
  if (path.length === 1 && root === "pods") return new ListView("Pods", podsTable(page));
  if (root === "nodes") {
    const node = [name, link("nodes", name)];
    if (path.length === 2) return new EntityView(page, `node:${name}`, [nodes, node]);
    if (path.length === 4 && below === "containers") {
      return new EntityView(page, `node:${name}/container:${inner}`, [nodes, node, [inner]]);
    }
  }
  if (root === "namespaces") {
    const namespace = [name, link("namespaces", name)];
    const pod = [inner, link("namespaces", name, "pods", inner ?? "")];
    if (path.length === 2) return new EntityView(page, `namespace:${name}`, [namespaces, namespace]);
    if (path.length === 4 && below === "pods") {
      return new EntityView(page, `namespace:${name}/pod:${inner}`, [namespaces, namespace, pod]);
    }
    if (path.length === 6 && below === "pods" && containers === "containers") {
      return new EntityView(page, `namespace:${name}/pod:${inner}/container:${container}`, [
        namespaces,
        namespace,
        pod,
        [container],
      ]);
    }
  }
  return new UnknownView();
}

function route() {
  const { path } = address();
  const joined = link(...path);
  if (joined !== shown.path) {
    const first = shown.path === null;
    shown.path = joined;
    shown.view = viewOf(path);
    document.title = `${shown.view.title} · heapster-stream`;
    for (const each of document.querySelectorAll("nav a[data-view]")) {
      if (each.dataset.view === (path[0] ?? "")) each.setAttribute("aria-current", "page");
      else each.removeAttribute("aria-current");
    }
    main.replaceChildren(shown.view.element);
    if (!first) {
      scrollTo(0, 0);
      main.focus({ preventScroll: true });
    }
  }
  live.watch(shown.view.requests());
}

// Updates the banner and the status light; the most urgent problem comes first.
function updateBanner() {
  const { status, lost_ms, answered_ms } = shown;
  const lines = [];
  if (lost_ms !== null) {
    const since = answered_ms === null ? "" : ` since ${clock(answered_ms)}; the page shows the data of that time`;
    lines.push(shown.refusal ?? `The service does not answer${since}. Retrying every few seconds.`);
  } else if (status && !status.ready) {
    lines.push(...status.reasons);
  }
  const text = lines.join("\n");
  const banner = byId("banner");
  if (banner.dataset.text !== text) {
    banner.dataset.text = text;
    const title =
      lost_ms !== null
        ? shown.refusal
          ? "No answer"
          : "No connection"
        : status?.newest_window
          ? "The data may be out of date"
          : "No data yet";
    banner.className = lost_ms !== null ? "bad" : "warn";
    replace(banner, text && h("b", null, title), ...lines.map((line) => h("span", null, line)));
  }
  main.classList.toggle("stale", Boolean(text) && (lost_ms !== null || Boolean(status?.newest_window)));
  updateLight();
}

function updateLight() {
  const { status, lost_ms, answered_ms } = shown;
  const light = byId("live");
  if (lost_ms !== null || !status) {
    light.dataset.state = status || lost_ms !== null ? "lost" : "waiting";
    light.lastChild.textContent = lost_ms !== null ? "no connection" : "connecting …";
    return;
  }
  light.dataset.state = status.ready ? "live" : "behind";
  const age_s = status.newest_window_age_seconds;
  light.title = `Newest window: ${status.newest_window ?? "none"}`;
  light.lastChild.textContent =
    age_s === null
      ? "no window yet"
      : `${status.ready ? "live" : "behind"} · ${duration(age_s + (now_ms() - answered_ms) / 1000)} old`;
}

function askForToken(error) {
  const dialog = byId("login");
  dialog.querySelector(".error").textContent = hasToken() ? `The token was refused: ${error.message}` : "";
  if (!dialog.open) dialog.showModal();
}

byId("login").addEventListener("cancel", (event) => event.preventDefault());
byId("login")
  .querySelector("form")
  .addEventListener("submit", (event) => {
    event.preventDefault();
    const input = event.target.querySelector("input");
    useToken(input.value.trim());
    input.value = "";
    byId("login").close();
    route();
  });
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash names the view and must not change
  main.focus();
});
startSearch(byId("search"));
addEventListener("hashchange", route);
setInterval(() => {
  tick();
  updateLight();
}, 1000);
route();
