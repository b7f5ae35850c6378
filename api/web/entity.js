// The page of one node, namespace, pod or container: state, charts, contents, all metrics.

import { h, replace } from "./dom.js";
import { count, duration, exact, metric, NOTHING, percent } from "./format.js";
import { Charts } from "./lines.js";
import { containersTable, podsTable } from "./lists.js";
import { age, amount, bar, link } from "./parts.js";
import { windowStrip } from "./windows.js";

const LATE_MS = 180_000;
const KINDS = {
  node: "Node",
  ns: "Namespace",
  pod: "Pod",
  pod_container: "Container",
  sys_container: "System container",
  cluster: "Cluster",
};

export class EntityView {
  // trail: breadcrumbs as [name, address]; key: Heapster's key of the entity.
  constructor(page, key, trail) {
    this.key = key;
    this.title = trail.at(-1)[0];
    this.kind = h("span", { class: "kind" });
    this.since = h("p", { class: "since" });
    this.tiles = h("div", { class: "tiles" });
    this.strip = h("div", { class: "strip-place" });
    this.charts = h("div", { class: "charts" });
    this.lines = new Charts(this.charts);
    this.tables = tablesOf(page, key);
    this.labels = h("dl", { class: "labels" });
    this.values = h("tbody");
    this.body = h(
      "div",
      { class: "stack", hidden: true },
      this.tiles,
      this.strip,
      this.charts,
      this.tables.map((table) => table.element),
      this.#more(),
    );
    this.message = h("p", { class: "empty" }, "Loading …");
    const crumbs = trail.map(([name, href], index) =>
      h("li", null, index < trail.length - 1 ? h("a", { href }, name) : h("span", { "aria-current": "page" }, name)),
    );
    this.element = h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "heading" },
        h("nav", { "aria-label": "Breadcrumbs" }, h("ol", { class: "crumbs" }, crumbs)),
        h("h1", null, this.title, this.kind),
        this.since,
      ),
      this.message,
      this.body,
    );
  }

  requests() {
    return [
      {
        url: `page/entity?${new URLSearchParams({ key: this.key })}`,
        show: (body) => this.#show(body),
        failed: (error) => this.#showMessage(error.message),
      },
      ...this.tables.map((table) => table.request()),
    ];
  }

  #more() {
    return [
      h("details", null, h("summary", null, "Labels"), this.labels),
      h(
        "details",
        null,
        h("summary", null, "All metrics of the newest window"),
        h(
          "div",
          { class: "scroll" },
          h(
            "table",
            { class: "values" },
            h(
              "thead",
              null,
              h(
                "tr",
                null,
                ["Metric", "Labels", "Value", "Exactly"].map((name, index) =>
                  h("th", { scope: "col", class: index > 1 ? "number" : null }, name),
                ),
              ),
            ),
            this.values,
          ),
        ),
      ),
    ];
  }

  #show(details) {
    if (!details) {
      this.#showMessage(`Not seen in the last 15 minutes: ${this.title}`);
      return;
    }
    this.message.hidden = true;
    this.body.hidden = false;
    this.kind.textContent = KINDS[details.type] ?? details.type;
    const gone = details.window_ms === null;
    const last_ms = details.window_ms ?? details.times.at(-1);
    replace(
      this.since,
      gone ? h("b", { class: "late" }, "Not in the newest window. Last seen ") : "Window ",
      last_ms === undefined ? NOTHING : age(last_ms, LATE_MS),
    );
    this.body.classList.toggle("stale", gone);
    replace(this.tiles, gone ? [] : tilesOf(details));
    replace(this.strip, details.scrapes.length > 0 && windowStrip(details.scrapes));
    this.lines.show(details);
    replace(
      this.labels,
      Object.entries(details.labels)
        .filter(([, value]) => value)
        .map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
    );
    replace(
      this.values,
      details.values.map((each) =>
        h(
          "tr",
          null,
          h("th", { scope: "row" }, each.metric),
          h(
            "td",
            null,
            Object.entries(each.labels)
              .map((pair) => pair.join(": "))
              .join(", "),
          ),
          h("td", { class: "number" }, metric(each.value, each.unit)),
          h("td", { class: "number" }, exact(each.value, each.unit)),
        ),
      ),
    );
  }

  #showMessage(message) {
    this.body.hidden = true;
    this.message.hidden = false;
    this.message.textContent = message;
  }
}

function tablesOf(page, key) {
  const own = { ...page, name: "pods" };
  if (key.startsWith("node:") && !key.includes("/container:")) {
    return [podsTable(own, { node: key.slice("node:".length) }), containersTable(still(page), key)];
  }
  if (key.startsWith("namespace:") && !key.includes("/"))
    return [podsTable(own, { namespace: key.slice("namespace:".length) })];
  return key.includes("/pod:") && !key.includes("/container:") ? [containersTable(page, key)] : [];
}

// The query of a second table in a view: the address holds the query of the first table only.
function still(page) {
  let query = new URLSearchParams();
  return {
    query: () => query,
    go: (changes) => {
      query = new URLSearchParams(
        Object.entries({ ...Object.fromEntries(query), ...changes }).filter(([, value]) => value),
      );
      page.again();
    },
  };
}

function tilesOf({ type, values, labels }) {
  const value = (name) => values.find((each) => each.metric === name && Object.keys(each.labels).length === 0)?.value;
  const tile = (name, big, ...notes) =>
    h(
      "div",
      { class: "tile" },
      h("h3", null, name),
      h("p", null, big),
      h(
        "div",
        null,
        notes.map((note) => note ?? ""),
      ),
    );
  const part = (resource, ratio, used, whole, note) =>
    tile(
      note,
      h("span", { title: exact(ratio, "") }, percent(ratio)),
      bar(ratio ?? 0),
      amount(resource, used),
      " of ",
      amount(resource, whole),
    );
  if (type === "node") {
    return ["cpu", "memory"].flatMap((resource) => {
      const [name, whole] = [resource === "cpu" ? "CPU" : "Memory", value(`${resource}/node_allocatable`)];
      const used = value(resource === "cpu" ? "cpu/usage_rate" : "memory/usage");
      return [
        part(resource, value(`${resource}/node_utilization`), used, whole, `${name} used`),
        part(resource, value(`${resource}/node_reservation`), value(`${resource}/request`), whole, `${name} reserved`),
      ];
    });
  }
  const own = ["cpu", "memory"].map((resource) => {
    const used = resource === "cpu" ? value("cpu/usage_rate") : (value("memory/working_set") ?? value("memory/usage"));
    const [request, limit] = [value(`${resource}/request`), value(`${resource}/limit`)];
    // A pod's limit sums only the containers that have one, so the usage of all containers cannot be compared with it.
    const ratio = type === "pod_container" && limit > 0 && used !== undefined ? used / limit : null;
    return tile(
      resource === "cpu" ? "CPU" : "Memory",
      amount(resource, used),
      ratio === null ? null : bar(ratio),
      "request ",
      amount(resource, request, { none: "request" }),
      ", limit ",
      amount(resource, limit, { none: "limit" }),
      ratio === null ? null : ` (${percent(ratio)} used)`,
    );
  });
  if (type === "sys_container") return own.map(withoutBar);
  const uptime = value("uptime");
  return [
    ...own,
    value("restart_count") !== undefined && tile("Restarts", count(value("restart_count"))),
    uptime !== undefined && tile("Running for", h("span", { title: exact(uptime, "ms") }, duration(uptime / 1000))),
    labels.nodename && tile("Node", h("a", { class: "long", href: link("nodes", labels.nodename) }, labels.nodename)),
  ].filter(Boolean);
}

function withoutBar(element) {
  element.querySelector("div").remove();
  return element;
}
