// Creates elements without parsing strings as HTML: names and labels are chosen by the owners of pods, untrusted.

const SVG = "http://www.w3.org/2000/svg";

// Creates an HTML element: h("a", { class: "name", href, onclick }, "text", child).
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

// Creates an SVG element.
export function s(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

// Replaces the children of an element. A focused link keeps the focus if the new children have the same link.
export function replace(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...children.flat().filter(Boolean));
  if (!focused || element.contains(focused)) return;
  const target = focused.getAttribute("href") ?? focused.dataset.focus;
  for (const each of element.querySelectorAll("a, button, input")) {
    if (target && (each.getAttribute("href") ?? each.dataset.focus) === target) {
      each.focus({ preventScroll: true });
      return;
    }
  }
}
