// Small conveniences of the tables and charts; the page can be read without them.

for (const legend of document.querySelectorAll(".legend")) {
  legend.addEventListener("change", () => {
    const wanted = (kind, value) =>
      legend.querySelector(`[data-${kind}="${CSS.escape(value)}"]`)?.checked !== false;
    for (const group of legend.nextElementSibling.querySelectorAll("[data-codec]")) {
      const { codec, part } = group.dataset;
      const shown = wanted("toggle", codec) && wanted("toggle-part", part);
      group.style.display = shown ? "" : "none";
    }
  });
}

function cellValue(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.value === undefined) return cell.textContent.trim();
  return cell.dataset.value === "" ? -Infinity : Number(cell.dataset.value);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const [x, y] = [cellValue(a, column), cellValue(b, column)];
        const order = typeof x === "string" ? x.localeCompare(y) : x === y ? 0 : x - y;
        return down ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}
