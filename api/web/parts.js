// Elements that several views share: links, bars, amounts, ages.

import { now_ms } from "./client.js";
import { h } from "./dom.js";
import { bytes, clock, cpu, duration, exact, NOTHING, percent } from "./format.js";

const RESOURCES = { cpu: [cpu, "millicores"], memory: [bytes, "bytes"] };

// Builds an address within the page: link("nodes", "n1") is #/nodes/n1.
export const link = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

// Builds the address of an entity from its key, such as `namespace:default/pod:web-1/container:web`.
export function linkOf(key) {
  const [, node, system] = /^node:(.+?)(?:\/container:(.+))?$/s.exec(key) ?? [];
  if (node !== undefined) return system === undefined ? link("nodes", node) : link("nodes", node, "containers", system);
  const [, namespace, pod, container] = /^namespace:(.+?)(?:\/pod:(.+?))?(?:\/container:(.+))?$/s.exec(key) ?? [];
  if (pod === undefined) return namespace === undefined ? link() : link("namespaces", namespace);
  return container === undefined
    ? link("namespaces", namespace, "pods", pod)
    : link("namespaces", namespace, "pods", pod, "containers", container);
}

// Formats an amount of CPU or memory. A request or limit of 0 means that none is set.
export function amount(resource, value, { none } = {}) {
  const [format, unit] = RESOURCES[resource];
  if (none && value === 0) return h("span", { class: "none", title: `${none}: none is set` }, "none");
  return h(
    "span",
    { title: exact(value, unit), class: value === null || value === undefined ? "none" : null },
    format(value),
  );
}

// Shows a ratio as a bar and as a percentage, with the amount.
export function share(resource, ratio, value, whole) {
  if (ratio === null || ratio === undefined) return h("span", { class: "none" }, NOTHING);
  const [, unit] = RESOURCES[resource];
  return h(
    "span",
    { class: "share", title: `${exact(value, unit)} of ${exact(whole, unit)}` },
    bar(ratio),
    h("span", { class: "percent" }, percent(ratio)),
    amount(resource, value),
  );
}

// The severity class of a ratio.
export const level = (ratio) => (ratio > 1 ? "over" : ratio >= 0.9 ? "high" : ratio >= 0.75 ? "raised" : "calm");

export function bar(ratio) {
  return h("span", { class: `bar ${level(ratio)}`, "aria-hidden": "true", "--part": `${Math.min(100, 100 * ratio)}%` });
}

// Shows how long ago a time was. tick() updates it between answers.
export function age(ms, late_ms) {
  const element = h("time", {
    "data-since": ms,
    "data-late": late_ms,
    datetime: new Date(ms).toISOString(),
    title: clock(ms),
  });
  showAge(element);
  return element;
}

export function tick() {
  for (const element of document.querySelectorAll("time[data-since]")) showAge(element);
}

function showAge(element) {
  const since_ms = now_ms() - Number(element.dataset.since);
  element.textContent = `${duration(since_ms / 1000)} ago`;
  element.classList.toggle("late", since_ms > Number(element.dataset.late ?? Infinity));
}
