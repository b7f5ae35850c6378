// The search box: finds nodes, namespaces and pods by part of their name.

import { ask } from "./client.js";
import { h, replace } from "./dom.js";
import { link } from "./parts.js";

const TYPING_MS = 150;
const TYPES = { node: "node", ns: "namespace", pod: "pod" };

const addressOf = ({ type, name, namespace }) =>
  type === "node"
    ? link("nodes", name)
    : type === "ns"
      ? link("namespaces", name)
      : link("namespaces", namespace, "pods", name);

export function startSearch(element) {
  const input = element.querySelector("input");
  const list = element.querySelector("ul");
  let timer;
  let asked = new AbortController();
  let at = -1;

  const options = () => [...list.querySelectorAll("[role=option]")];
  const close = () => {
    clearTimeout(timer);
    asked.abort();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    at = -1;
  };
  const choose = (option) => {
    location.hash = option.dataset.href;
    input.value = "";
    close();
    input.blur();
  };
  const point = (to) => {
    const all = options();
    if (all.length === 0) return;
    at = (to + all.length) % all.length;
    for (const [index, option] of all.entries()) option.setAttribute("aria-selected", String(index === at));
    all[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", all[at].id);
  };
  const open = (...rows) => {
    replace(list, ...rows);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  };
  const search = async () => {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    const text = input.value.trim();
    if (!text) return close();
    try {
      const { body } = await ask(`page/search?${new URLSearchParams({ q: text })}`, { signal });
      if (signal.aborted) return;
      at = -1;
      if (body.length === 0) return open(h("li", { class: "nothing" }, `Nothing matches “${text}”.`));
      open(
        ...body.map((hit, index) =>
          h(
            "li",
            {
              role: "option",
              id: `hit-${index}`,
              "aria-selected": "false",
              "data-href": addressOf(hit),
              onpointerdown: (event) => event.preventDefault(),
              onclick: (event) => choose(event.currentTarget),
            },
            h("span", { class: "kind" }, TYPES[hit.type]),
            h("span", null, hit.name),
            hit.namespace && h("small", null, hit.namespace),
          ),
        ),
      );
      point(0);
    } catch {
      if (!signal.aborted) open(h("li", { class: "nothing" }, "The service does not answer."));
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, TYPING_MS);
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      point(at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && options()[at]) {
      choose(options()[at]);
    } else if (event.key === "Escape") {
      input.value = "";
      close();
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
    }
  });
}
