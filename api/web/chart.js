// Line charts of the last fifteen minutes, drawn as SVG. A missing window is a gap in the line.

import { now_ms } from "./client.js";
import { h, s } from "./dom.js";
import { clock, NOTHING } from "./format.js";
import { stepFor } from "./scale.js";

const SPAN_MS = 15 * 60_000;
const MARGIN = { left: 62, right: 10, top: 8, bottom: 20 };
const HEIGHT = 168;
const FAR = 4; // a line this many times above all others starts hidden: it would flatten the others

// Lines are { name, style, values }; the first is the main one. Call show() for every update.
export class LineChart {
  #lines = [];
  #times = [];
  #resolution_ms = 60_000;
  #chosen = new Map(); // line name to shown or hidden, for lines clicked in the legend
  #at = null; // index of the time under the cursor

  // format(value): short text; exact(value): all digits; binary: axis ticks at powers of two.
  constructor({ title, format, exact, binary = false }) {
    Object.assign(this, { title, format, exact, binary });
    this.svg = s("svg", { "aria-hidden": "true", height: HEIGHT });
    this.tip = h("div", { class: "tip", hidden: true });
    this.plot = h(
      "div",
      {
        class: "plot",
        tabindex: 0,
        role: "slider",
        "aria-label": `${title}: value at a time`,
        "aria-valuemin": 0,
        onpointermove: (event) => this.#point(event),
        onpointerdown: (event) => this.#point(event),
        onpointerleave: () => this.#look(null),
        onblur: () => this.#look(null),
        onkeydown: (event) => this.#key(event),
      },
      this.svg,
      this.tip,
    );
    this.legend = h("div", { class: "legend", role: "group", "aria-label": `${title}: lines` });
    this.element = h("figure", { class: "chart" }, h("figcaption", null, h("h3", null, title), this.legend), this.plot);
    new ResizeObserver(() => this.#draw()).observe(this.plot);
  }

  show(lines, times, resolution_ms) {
    const looked = this.#at === null ? null : this.#times[this.#at];
    this.#lines = lines;
    this.#times = times;
    this.#resolution_ms = resolution_ms;
    this.#at = looked === null ? null : this.#nearest(looked);
    this.#draw();
  }

  #shown(line) {
    if (this.#chosen.has(line.name)) return this.#chosen.get(line.name);
    const others = Math.max(0, ...this.#lines.filter((other) => other !== line && !other.far).map(greatest));
    return !(line.far && others > 0 && greatest(line) > FAR * others);
  }

  #draw() {
    const width = this.plot.clientWidth;
    this.#drawLegend();
    if (width === 0) return;
    const shown = this.#lines.filter((line) => this.#shown(line));
    const step = stepFor(Math.max(0, ...shown.map(greatest)), this.binary);
    const top = step * Math.max(1, Math.ceil(Math.max(0, ...shown.map(greatest)) / step));
    const end_ms = Math.max(now_ms(), this.#times.at(-1) ?? 0);
    const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
    this.x = (ms) => MARGIN.left + inner.width * (1 - (end_ms - ms) / SPAN_MS);
    this.y = (value) => MARGIN.top + inner.height * (1 - value / top);
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.cross = s("g", { class: "cross" });
    this.svg.replaceChildren(
      ...this.#axis(step, top, width),
      ...this.#timeAxis(end_ms, width),
      ...shown.toReversed().flatMap((line) => this.#line(line, line === this.#lines[0])),
      this.cross,
    );
    this.#drawCross();
  }

  #axis(step, top, width) {
    const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, number) => number * step);
    return ticks.flatMap((value) => [
      s("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: this.y(value), y2: this.y(value) }),
      s("text", { class: "tick", x: MARGIN.left - 8, y: this.y(value) + 4, "text-anchor": "end" }, this.format(value)),
    ]);
  }

  #timeAxis(end_ms, width) {
    const every_ms = width < 420 ? 300_000 : 180_000;
    const ticks = [];
    for (let ms = Math.floor(end_ms / every_ms) * every_ms; ms > end_ms - SPAN_MS; ms -= every_ms) {
      const x = this.x(ms);
      if (x > MARGIN.left + 14 && x < width - 18) {
        ticks.push(s("text", { class: "tick", x, y: HEIGHT - 4, "text-anchor": "middle" }, clock(ms, false)));
      }
    }
    return ticks;
  }

  // Draws one line: a path for each run of points without a gap, a dot for a run of one point.
  #line(line, first) {
    const stretches = this.#stretches(line);
    const path = stretches.map((points) => `M${points.map((point) => point.join(" ")).join("L")}`).join("");
    const dots = stretches
      .filter((points) => points.length === 1)
      .map(([[cx, cy]]) => s("circle", { class: `mark ${line.style}`, cx, cy, r: 2.5 }));
    if (!first) return [s("path", { class: `line ${line.style}`, d: path }), ...dots];
    const floor = this.y(0);
    const area = stretches
      .filter((points) => points.length > 1)
      .map(
        (points) =>
          `M${points[0][0]} ${floor}L${points.map((point) => point.join(" ")).join("L")}L${points.at(-1)[0]} ${floor}Z`,
      );
    return [
      s("path", { class: `area ${line.style}`, d: area.join("") }),
      s("path", { class: `line ${line.style}`, d: path }),
      ...dots,
    ];
  }

  #stretches(line) {
    const stretches = [];
    let before_ms = -Infinity;
    line.values.forEach((value, index) => {
      const ms = this.#times[index];
      const x = this.x(ms);
      if (value === null || x < MARGIN.left) return;
      if (ms - before_ms > 1.5 * this.#resolution_ms) stretches.push([]);
      stretches.at(-1).push([x.toFixed(1), this.y(value).toFixed(1)]);
      before_ms = ms;
    });
    return stretches;
  }

  #drawLegend() {
    const buttons = this.#lines.map((line) => {
      const shown = this.#shown(line);
      const latest = line.values.at(-1);
      const value = latest === null || latest === undefined ? NOTHING : this.format(latest);
      const button = h(
        "button",
        {
          type: "button",
          "aria-pressed": String(shown),
          "data-focus": line.name,
          title: shown ? `Hide ${line.name}` : `Show ${line.name}${line.far ? ", far above the others" : ""}`,
          onclick: () => {
            this.#chosen.set(line.name, !this.#shown(line));
            this.#draw();
          },
        },
        s(
          "svg",
          { class: "key", width: 18, height: 8, "aria-hidden": "true" },
          s("line", { class: `line ${line.style}`, x1: 1, x2: 17, y1: 4, y2: 4 }),
        ),
        `${line.name} `,
        h("b", null, value),
      );
      return button;
    });
    const focused = this.legend.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    this.legend.replaceChildren(...buttons);
    if (focused) buttons.find((button) => button.dataset.focus === focused)?.focus();
  }

  #point(event) {
    if (!this.x || this.#times.length === 0) return;
    const x = event.clientX - this.plot.getBoundingClientRect().left;
    const distances = this.#times.map((ms) => Math.abs(this.x(ms) - x));
    this.#look(distances.indexOf(Math.min(...distances)));
  }

  #key(event) {
    const last = this.#times.length - 1;
    const at = this.#at ?? last + (event.key === "ArrowLeft" ? 1 : 0);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.#look(to === null ? null : Math.min(Math.max(to, 0), last));
  }

  #look(index) {
    this.#at = index;
    this.#drawCross();
  }

  #nearest(ms) {
    const index = this.#times.findIndex((time) => time >= ms);
    return this.#times.length === 0 ? null : index < 0 ? this.#times.length - 1 : index;
  }

  #drawCross() {
    const ms = this.#times[this.#at ?? -1];
    const lines = this.#lines.filter((line) => this.#shown(line));
    this.tip.hidden = ms === undefined || !this.x;
    this.plot.setAttribute("aria-valuemax", Math.max(0, this.#times.length - 1));
    this.plot.setAttribute("aria-valuenow", this.#at ?? Math.max(0, this.#times.length - 1));
    this.plot.setAttribute("aria-valuetext", this.#describe(this.#at ?? this.#times.length - 1));
    this.cross?.replaceChildren();
    if (this.tip.hidden) return;
    const x = this.x(ms);
    const there = lines.filter((line) => line.values[this.#at] !== null);
    this.cross.append(
      s("line", { x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }),
      ...there.map((line) =>
        s("circle", { class: `mark ${line.style}`, cx: x, cy: this.y(line.values[this.#at]), r: 3.5 }),
      ),
    );
    this.tip.replaceChildren(
      h("b", null, clock(ms)),
      ...lines.map((line) => {
        const value = line.values[this.#at];
        return h(
          "div",
          { class: line.style },
          h("i"),
          `${line.name} `,
          h("b", null, value === null ? NOTHING : this.format(value)),
          h("small", null, value === null ? "" : this.exact(value)),
        );
      }),
    );
    const flip = x > this.plot.clientWidth / 2;
    this.tip.style.left = flip ? "" : `${x + 12}px`;
    this.tip.style.right = flip ? `${this.plot.clientWidth - x + 12}px` : "";
  }

  #describe(index) {
    if (this.#times[index] === undefined) return "no data yet";
    const values = this.#lines.map(
      (line) => `${line.name} ${line.values[index] === null ? "unknown" : this.format(line.values[index])}`,
    );
    return `${clock(this.#times[index])}: ${values.join(", ")}`;
  }
}

const greatest = (line) => Math.max(0, ...line.values.filter((value) => value !== null));
