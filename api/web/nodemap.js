// One square per node: the darker, the busier. One tab stop; arrow keys move between squares.

import { h } from "./dom.js";
import { percent } from "./format.js";
import { level, link } from "./parts.js";

const FEW = 120;
const PARTS = { cpu: ["CPU", 1], memory: ["Memory", 2] };

export class NodeMap {
  #nodes = [];
  #part = "cpu";
  #at = 0;

  constructor() {
    this.grid = h("div", {
      class: "map",
      role: "group",
      "aria-label": "Nodes by utilization; arrow keys move",
      onkeydown: (event) => this.#key(event),
      onfocusin: (event) => this.#focused(event.target),
    });
    const choice = Object.entries(PARTS).map(([part, [name]]) =>
      h(
        "label",
        null,
        h("input", {
          type: "radio",
          name: "map-part",
          value: part,
          checked: part === this.#part,
          onchange: () => {
            this.#part = part;
            this.#draw();
          },
        }),
        name,
      ),
    );
    this.element = h(
      "section",
      { class: "card" },
      h(
        "header",
        null,
        h("h2", null, "Nodes by utilization"),
        h("fieldset", { class: "choice" }, h("legend", { class: "unseen" }, "Shown"), choice),
        h("p", { class: "scale", "aria-hidden": "true" }, "0%", h("i"), "100%"),
      ),
      this.grid,
    );
  }

  // Takes nodes as [name, CPU utilization, memory utilization].
  show(nodes) {
    this.#nodes = nodes;
    this.grid.classList.toggle("few", nodes.length <= FEW);
    this.#draw();
  }

  #draw() {
    const [name, column] = PARTS[this.#part];
    while (this.grid.children.length > this.#nodes.length) this.grid.lastChild.remove();
    while (this.grid.children.length < this.#nodes.length) this.grid.append(h("a"));
    this.#at = Math.min(this.#at, Math.max(0, this.#nodes.length - 1));
    this.#nodes.forEach((node, index) => {
      const cell = this.grid.children[index];
      const value = node[column];
      const text = `${node[0]}: ${value === null ? "silent" : `${name} ${percent(value)}`}`;
      cell.href = link("nodes", node[0]);
      cell.title = text;
      cell.setAttribute("aria-label", text);
      cell.tabIndex = index === this.#at ? 0 : -1;
      cell.className = value === null ? "silent" : level(value);
      cell.style.setProperty("--heat", `${Math.round(100 * Math.min(1, value ?? 0))}%`);
    });
  }

  #focused(cell) {
    const at = [...this.grid.children].indexOf(cell);
    if (at < 0) return;
    if (this.grid.children[this.#at]) this.grid.children[this.#at].tabIndex = -1;
    this.#at = at;
    cell.tabIndex = 0;
  }

  #key(event) {
    const cells = this.grid.children;
    const row = [...cells].filter((cell) => cell.offsetTop === cells[0].offsetTop).length;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row };
    const to = { Home: 0, End: cells.length - 1 }[event.key] ?? this.#at + (moves[event.key] ?? NaN);
    if (Number.isNaN(to)) return;
    event.preventDefault();
    cells[Math.min(Math.max(to, 0), cells.length - 1)].focus();
  }
}
