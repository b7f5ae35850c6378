// The overview: usage, requests and allocatable of the cluster, the node map, the largest namespaces.

import { h, replace } from "./dom.js";
import { bytes, count, cpu, exact, percent } from "./format.js";
import { Charts } from "./lines.js";
import { namespacesTable } from "./lists.js";
import { NodeMap } from "./nodemap.js";
import { age, amount, bar } from "./parts.js";

const RESOURCES = { cpu: ["CPU", cpu, "millicores"], memory: ["Memory", bytes, "bytes"] };
const LATE_MS = 180_000;

export class OverviewView {
  title = "Overview";

  constructor(page) {
    this.cards = h("div", { class: "cards" });
    this.map = new NodeMap();
    this.charts = h("div", { class: "charts" });
    this.lines = new Charts(this.charts);
    this.namespaces = namespacesTable(page);
    this.empty = h("section", { class: "empty", hidden: true });
    this.full = h(
      "div",
      { class: "stack", hidden: true },
      this.cards,
      this.map.element,
      this.charts,
      this.namespaces.element,
    );
    this.element = h("div", { class: "stack" }, h("h1", { class: "unseen" }, "Cluster"), this.empty, this.full);
  }

  requests() {
    return [
      { url: "page/overview", show: (body) => this.#show(body) },
      { url: "page/entity?key=cluster", show: (body) => body && this.lines.show(body) },
      this.namespaces.request(),
    ];
  }

  #show(overview) {
    const nothing = overview.window_ms === null && overview.map.length === 0;
    this.empty.hidden = !nothing;
    this.full.hidden = nothing;
    if (nothing) {
      replace(
        this.empty,
        h("h2", null, "No metrics yet"),
        h(
          "p",
          null,
          "Metrics appear after the first scraped window, rates after the second. This page refreshes every few seconds.",
        ),
      );
      return;
    }
    replace(this.cards, this.#resource("cpu", overview), this.#resource("memory", overview), this.#counts(overview));
    this.map.show(overview.map);
  }

  #resource(resource, overview) {
    const [name, format, unit] = RESOURCES[resource];
    const amounts = overview[resource];
    const row = (label, value) => {
      const ratio = amounts.allocatable && value !== null ? value / amounts.allocatable : null;
      return [
        h("dt", null, label),
        h(
          "dd",
          { class: "gauge" },
          bar(ratio ?? 0),
          h("span", { class: "percent" }, percent(ratio)),
          amount(resource, value),
        ),
      ];
    };
    return h(
      "section",
      { class: "card" },
      h("h2", null, name),
      h(
        "p",
        { class: "big", title: exact(amounts.usage, unit) },
        format(amounts.usage),
        h("small", { title: exact(amounts.allocatable, unit) }, ` of ${format(amounts.allocatable)} allocatable`),
      ),
      h("dl", null, row("Usage", amounts.usage), row("Requests", amounts.request), row("Limits", amounts.limit)),
      h("p", { class: "note", title: exact(amounts.capacity, unit) }, `Capacity ${format(amounts.capacity)}`),
    );
  }

  #counts(overview) {
    const partial = overview.nodes_counted < overview.nodes_expected;
    const fact = (name, value, note) => [h("dt", null, name), h("dd", null, value, note && h("small", null, note))];
    return h(
      "section",
      { class: "card" },
      h("h2", null, "Cluster"),
      h(
        "dl",
        { class: "facts" },
        fact(
          "Nodes",
          h("a", { href: "#/nodes" }, count(overview.nodes)),
          overview.nodes_silent > 0 && h("span", { class: "late" }, ` ${count(overview.nodes_silent)} silent`),
        ),
        fact("Namespaces", h("a", { href: "#/namespaces" }, count(overview.namespaces))),
        fact("Pods", h("a", { href: "#/pods" }, count(overview.pods))),
        fact(
          "Totals updated",
          overview.window_ms === null ? "—" : age(overview.window_ms, LATE_MS),
          partial &&
            h(
              "span",
              { class: "late" },
              ` ${count(overview.nodes_counted)} of ${count(overview.nodes_expected)} nodes`,
            ),
        ),
      ),
    );
  }
}
