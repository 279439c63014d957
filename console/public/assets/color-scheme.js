// Before anything is painted: light or dark as the reader has chosen, or as their system is. A script of its own, because
// the content security policy allows none inside the page.
(() => {
  const stored = localStorage.getItem("mantine-color-scheme-value");
  const dark = stored === "dark" || (stored !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
