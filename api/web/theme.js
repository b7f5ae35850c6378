// Sets the theme before the first paint: the chosen one, or the system's.

(() => {
  const KEY = "heapster-stream.theme";
  const THEMES = ["system", "light", "dark"];
  const root = document.documentElement;
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is disabled: the choice lasts until the page is closed
    }
  };
  const set = (theme) => {
    root.dataset.theme = THEMES.includes(theme) ? theme : "system";
  };
  set(stored());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const update = () => {
      button.textContent = { system: "◐", light: "☀", dark: "☾" }[root.dataset.theme];
      button.title = `Theme: ${root.dataset.theme}`;
      button.setAttribute("aria-label", button.title);
    };
    button.addEventListener("click", () => {
      set(THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length]);
      try {
        localStorage.setItem(KEY, root.dataset.theme);
      } catch {
        // storage is disabled, see above
      }
      update();
    });
    update();
  });
})();
