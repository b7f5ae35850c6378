// Elements, made without ever parsing a string as HTML: names and labels come from whoever runs pods.

const SVG = "http://www.w3.org/2000/svg";

// h("a", { class: "name", href, onclick }, "text", child): an element.
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

// The same for what is in an SVG.
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

// Other children for an element; a link that has the focus keeps it, if there is still one to the same place.
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
