// A strip with one mark per scrape window of a node: answered or missing.

import { h } from "./dom.js";
import { clock } from "./format.js";

export function windowStrip(scrapes) {
  const missing = scrapes.filter(([, answered]) => !answered).length;
  return h(
    "section",
    { class: "strip" },
    h("h3", null, `Scrapes: ${scrapes.length - missing} windows answered, ${missing} missing`),
    h(
      "div",
      { role: "img", "aria-label": `${missing} of ${scrapes.length} windows are missing` },
      scrapes.map(([end_ms, answered]) =>
        h("i", {
          class: answered ? "came" : "missing",
          title: `${clock(end_ms)}: ${answered ? "answered" : "missing"}`,
        }),
      ),
    ),
  );
}
