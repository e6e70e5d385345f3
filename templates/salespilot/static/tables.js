"use strict";
// Tables of more than three rows sort on a click, or Enter, on a heading: falling first, then rising.
for (const table of document.querySelectorAll("figure.sp-data table")) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 4) continue;
  table.tHead.querySelectorAll("th").forEach((heading, place) => {
    heading.tabIndex = 0;
    heading.title = document.body.dataset.sort;
    const value = (row) => row.cells[place].dataset.v ?? row.cells[place].textContent;
    const sort = () => {
      const sign = heading.getAttribute("aria-sort") === "descending" ? 1 : -1;
      for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
      const compare = (a, b) => value(a).localeCompare(value(b), document.documentElement.lang);
      const number = (row) => (heading.classList.contains("num") ? parseFloat(row.cells[place].dataset.v) : NaN);
      const gap = (a, b) => (isNaN(number(a)) || isNaN(number(b)) ? isNaN(number(a)) - isNaN(number(b)) : sign * (number(a) - number(b)));
      const order = heading.classList.contains("num") ? gap : (a, b) => sign * compare(a, b);
      body.append(...[...body.rows].sort(order));
    };
    heading.addEventListener("click", sort);
    heading.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
