// The theme: the system's, or the one that was chosen; set before anything is drawn.
"use strict";
(() => {
  const KEY = "heapster-stream.theme";
  const THEMES = ["system", "light", "dark"];
  const root = document.documentElement;
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is forbidden: the choice lasts as long as the page
    }
  };
  const set = (theme) => {
    root.dataset.theme = THEMES.includes(theme) ? theme : "system";
  };
  set(stored());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const tell = () => {
      button.textContent = { system: "◐", light: "☀", dark: "☾" }[root.dataset.theme];
      button.title = `Theme: ${root.dataset.theme}`;
      button.setAttribute("aria-label", button.title);
    };
    button.addEventListener("click", () => {
      set(THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length]);
      try {
        localStorage.setItem(KEY, root.dataset.theme);
      } catch {
        // as above
      }
      tell();
    });
    tell();
  });
})();
