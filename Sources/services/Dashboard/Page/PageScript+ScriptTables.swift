// Written by deploy/dev/dashboard-page from Source/2-tables.js; change that file instead.
// swift-format-ignore-file
extension PageScript {
static let scriptTables = #"""
// Tables that sort by their heads, filter, and show a page of rows at a time: a cluster may have thousands of ranks, a screen has not.

const rowsOfPage = 50;

// `columns`: {key, title, text(row), number, wide, sort(row), head}; `options`: {label, level(row), filter, empty, action}.
function makeTable(place, columns, options) {
  const state = { column: options.sort || 0, descending: options.descending || false, page: 0, filter: "", rows: [] };
  const heads = columns.map((column, index) => {
    const button = element("button", { type: "button" }, column.title);
    button.addEventListener("click", () => {
      state.descending = state.column === index ? !state.descending : Boolean(column.number);
      state.column = index;
      draw();
    });
    return element("th", { scope: "col", class: column.number ? "number" : null }, button);
  });
  const body = element("tbody");
  const caption = element("caption", { class: "skip" }, options.label);
  const table = element("table", null, caption, element("thead", null, element("tr", null, ...heads)), body);
  const scroll = element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": options.label }, table);
  const empty = element("p", { class: "muted" }, options.empty || "nothing to show");
  const before = element("button", { type: "button" }, "Previous rows"), after = element("button", { type: "button" }, "Next rows");
  const where = element("span", { role: "status" });
  const pages = element("div", { class: "controls" }, before, after, where);
  before.addEventListener("click", () => { state.page -= 1; draw(); });
  after.addEventListener("click", () => { state.page += 1; draw(); });
  if (options.filter) {
    const id = place.id + "-filter";
    const input = element("input", { type: "search", id, autocomplete: "off", spellcheck: "false" });
    input.addEventListener("input", () => { state.filter = input.value.trim().toLowerCase(); state.page = 0; draw(); });
    place.append(element("div", { class: "controls" }, element("label", { for: id }, options.filter), input));
  }
  place.append(scroll, empty, pages);

  function value(row) {
    const column = columns[state.column];
    return column.sort ? column.sort(row) : row[column.key];
  }

  function compare(left, right) {
    const a = value(left), b = value(right);
    // What is unknown stands last, whichever way the rest is sorted.
    if (!isKnown(a) || !isKnown(b)) return isKnown(a) ? -1 : isKnown(b) ? 1 : 0;
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return state.descending ? -order : order;
  }

  function draw() {
    let rows = state.rows;
    if (state.filter) rows = rows.filter((row) => columns.some((column) => column.text(row).toLowerCase().includes(state.filter)));
    rows = rows.slice().sort(compare);
    const last = Math.max(0, Math.ceil(rows.length / rowsOfPage) - 1);
    state.page = Math.min(Math.max(state.page, 0), last);
    const shown = rows.slice(state.page * rowsOfPage, (state.page + 1) * rowsOfPage);
    heads.forEach((head, index) => {
      const order = index !== state.column ? "none" : state.descending ? "descending" : "ascending";
      if (head.getAttribute("aria-sort") !== order) head.setAttribute("aria-sort", order);
    });
    while (body.rows.length > shown.length) body.deleteRow(-1);
    shown.forEach((row, index) => drawRow(body.rows[index] || body.appendChild(makeRow()), row));
    scroll.hidden = rows.length === 0;
    empty.hidden = rows.length > 0;
    pages.hidden = last === 0;
    before.disabled = state.page === 0;
    after.disabled = state.page === last;
    if (last > 0) say(where, `rows ${state.page * rowsOfPage + 1} to ${state.page * rowsOfPage + shown.length} of ${rows.length}`);
  }

  function makeRow() {
    return element("tr", null, ...columns.map((column) => {
      const cell = element(column.head ? "th" : "td", { class: column.number ? "number" : column.wide ? "wide" : null, scope: column.head ? "row" : null });
      if (column.action) {
        const button = element("button", { type: "button" });
        button.addEventListener("click", () => column.action(button.dataset.key));
        cell.append(button);
      }
      return cell;
    }));
  }

  function drawRow(made, row) {
    const level = options.level ? options.level(row) : "";
    if ((made.dataset.level || "") !== level) made.dataset.level = level;
    columns.forEach((column, index) => {
      const target = column.action ? made.cells[index].firstChild : made.cells[index];
      say(target, column.text(row));
      if (column.action) target.dataset.key = row[column.key];
    });
  }

  draw();
  return {
    show(rows) { state.rows = rows; draw(); },
    holdsFocus() { return body.contains(document.activeElement); },
  };
}

function text(key, title, more) { return { key, title, text: (row) => (isKnown(row[key]) ? String(row[key]) : unknown), ...more }; }
function numeric(key, title, form, more) { return { key, title, number: true, text: (row) => form(row[key]), ...more }; }

"""#
}
