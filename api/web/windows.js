// The windows of a node as a strip: what came, what did not.

import { h } from "./dom.js";
import { clock } from "./format.js";

export function windowStrip({ windows, resolution_ms }) {
  const cells = [];
  let before_ms = null;
  for (const [end_ms, , answered] of windows) {
    for (let ms = (before_ms ?? end_ms) + resolution_ms; before_ms !== null && ms < end_ms - resolution_ms / 2; ms += resolution_ms) {
      cells.push([ms, false]);
    }
    cells.push([end_ms, answered]);
    before_ms = end_ms;
  }
  const failed = cells.filter(([, answered]) => !answered).length;
  return h("section", { class: "strip" },
    h("h3", null, `Scrapes: ${cells.length - failed} windows answered, ${failed} missing`),
    h("div", { role: "img", "aria-label": `${failed} of ${cells.length} windows are missing` },
      cells.map(([ms, answered]) =>
        h("i", { class: answered ? "came" : "missing", title: `${clock(ms)}: ${answered ? "answered" : "missing"}` }))));
}
