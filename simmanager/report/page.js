"use strict";
// The table of runs sorts and filters. What the reader has set is kept for this tab, so that a page that is written
// anew while the batch runs comes back as it was left. Without JavaScript the page shows all there is.
(() => {
  const root = document.documentElement;
  const table = document.getElementById("runs-table");
  const form = document.getElementById("filter");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  const key = "simmanager " + root.dataset.batch;
  const states = [...form.elements.state ?? []].filter((box) => box.type === "checkbox");
  let order = null; // [column, "ascending" or "descending"]; null: the order of the batch

  // Sorting ------------------------------------------------------------------------------------------------------

  const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();

  function compare(one, other) {
    const numbers = [Number(one), Number(other)];
    return numbers.some(Number.isNaN) ? one.localeCompare(other, "en", { numeric: true }) : numbers[0] - numbers[1];
  }

  function sort() {
    headers.forEach((header, i) => header.setAttribute("aria-sort", order && order[0] === i ? order[1] : "none"));
    if (!order) return body.append(...rows);
    const sign = order[1] === "ascending" ? 1 : -1;
    const keyed = rows.map((row) => [value(row, order[0]), row]);
    keyed.sort(([a], [b]) => (a === "") - (b === "") || sign * compare(a, b)); // what is not known comes last
    body.append(...keyed.map(([, row]) => row));
  }

  headers.forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const again = order && order[0] === column;
      order = !again ? [column, "ascending"] : order[1] === "ascending" ? [column, "descending"] : null;
      sort();
      save();
    });
  });

  // Filtering ----------------------------------------------------------------------------------------------------

  const texts = new Map();

  function text(row) {
    if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase().replace(/\s+/g, " "));
    return texts.get(row);
  }

  function filter() {
    const wanted = new Set(states.filter((box) => box.checked).map((box) => box.value));
    const simulation = form.elements.simulation.value;
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !((!wanted.size || wanted.has(row.dataset.state))
        && (!simulation || row.dataset.simulation === simulation)
        && words.every((word) => text(row).includes(word)));
      shown += !row.hidden;
    }
    form.elements.count.value = shown === rows.length ? `${shown} runs` : `${shown} of ${rows.length} runs`;
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { filter(); save(); });
  form.addEventListener("reset", () => setTimeout(() => { order = null; sort(); filter(); save(); }));
  for (const link of document.querySelectorAll("a[data-state]")) {
    link.addEventListener("click", () => {
      for (const box of states) box.checked = box.value === link.dataset.state;
      filter();
      save();
    });
  }

  // What is kept -------------------------------------------------------------------------------------------------

  function save(more = {}) {
    const kept = {
      order,
      states: states.filter((box) => box.checked).map((box) => box.value),
      simulation: form.elements.simulation.value,
      text: form.elements.text.value,
      open: [...document.querySelectorAll("details[id][open]")].map((details) => details.id),
      ...more,
    };
    try { sessionStorage.setItem(key, JSON.stringify(kept)); } catch { /* a browser that keeps nothing */ }
  }

  function restore() {
    let kept = null;
    try { kept = JSON.parse(sessionStorage.getItem(key)); } catch { /* as above */ }
    if (kept) {
      order = kept.order && kept.order[0] < headers.length ? kept.order : null;
      for (const box of states) box.checked = kept.states.includes(box.value);
      form.elements.simulation.value = kept.simulation;
      if (form.elements.simulation.selectedIndex < 0) form.elements.simulation.value = "";
      form.elements.text.value = kept.text;
      for (const id of kept.open) document.getElementById(id)?.setAttribute("open", "");
    }
    if (order) sort();
    filter();
    if (kept?.scroll) scrollTo(kept.scroll[0], kept.scroll[1]);
    if (kept?.focus) document.getElementById(kept.focus)?.focus({ preventScroll: true });
    if (kept?.scroll) save(); // where it was scrolled to is good for one reload only
    addEventListener("load", () => setTimeout(() => { history.scrollRestoration = "auto"; }, 500)); // see below
  }

  document.addEventListener("toggle", () => save(), true);
  root.classList.add("js"); // shows the form and the signs of sorting
  restore();

  // A page that is written anew while the batch runs ---------------------------------------------------------------

  const refresh = Number(root.dataset.refresh);
  if (!refresh) return;
  let touched = 0;
  for (const event of ["keydown", "pointerdown"]) addEventListener(event, () => { touched = Date.now(); });
  const age = (Date.now() - Date.parse(root.dataset.written)) / 1000;
  if (age > 10 * refresh + 60) document.getElementById("stale").hidden = false;
  const timer = setInterval(() => {
    const busy = document.hidden || Date.now() - touched < 2000 || !getSelection().isCollapsed;
    if (busy || performance.now() < 1000 * refresh) return;
    clearInterval(timer); // one reload is enough, however long it takes
    save({ scroll: [scrollX, scrollY], focus: document.activeElement?.id });
    history.scrollRestoration = "manual"; // the browser would put back the scroll of a page of another height
    location.reload();
  }, 250);
})();
