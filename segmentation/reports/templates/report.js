"use strict";
(() => {
  // sorting: a click or Enter on a heading; again turns it round; missing values stay last
  const value = (row, place) => {
    const cell = row.cells[place];
    return cell.dataset.value ?? cell.textContent;
  };
  const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const place = heading.cellIndex;
      const number = button.dataset.kind === "number";
      const before = heading.getAttribute("aria-sort");
      const rising = before ? before === "descending" : !number;
      for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const body = heading.closest("table").tBodies[0];
      const rows = [...body.rows];
      rows.sort((a, b) => {
        const one = value(a, place), two = value(b, place);
        if (one === "" || two === "") return (one === "") - (two === "");
        return (rising ? 1 : -1) * (number ? Number(one) - Number(two) : compare(one, two));
      });
      body.append(...rows);
    });
  }
  // light or dark: what the machine asks for, until the button is pressed
  const theme = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => { theme.textContent = isDark() ? "Light colours" : "Dark colours"; };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  system.addEventListener("change", name);
  name();
})();
