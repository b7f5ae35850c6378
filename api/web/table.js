// Tables that show one page of rows. The service sorts, filters and pages.

import { h, replace } from "./dom.js";
import { count } from "./format.js";

const PAGE = 50;
const TYPING_MS = 250;

// Columns are { id, name, title, number, most, cell(row) }; `most` columns sort in descending order first.
// The query (q, sort, order, page) is kept in the address.
export class Table {
  // url(parameters): address of the rows; query(): the current query parameters; go(changes): changes them.
  constructor({ caption, columns, url, sort = "name", order = "asc", empty, filter = true, query, go }) {
    Object.assign(this, { caption, columns, url, sort, order, empty, query, go });
    this.body = h("tbody", { role: "rowgroup" });
    this.head = h("tr", { role: "row" });
    this.foot = h("div", { class: "pager" });
    this.total = h("span", { class: "total" });
    this.tools = h("div", { class: "tools" }, filter && this.#filter(), this.#sortChoice());
    this.element = h(
      "section",
      { class: "table" },
      h("header", null, h("h2", null, caption, " ", this.total), this.tools),
      h(
        "div",
        { class: "scroll" },
        h("table", { role: "table", "aria-label": caption }, h("thead", { role: "rowgroup" }, this.head), this.body),
      ),
      this.foot,
    );
    replace(this.body, this.#wide("Loading …", "loading"));
    this.#drawHead();
  }

  // The request for Live.watch().
  request() {
    const { sort, order, page, q } = this.#wanted();
    const parameters = new URLSearchParams({ sort, order, offset: page * PAGE, limit: PAGE });
    if (q) parameters.set("q", q);
    return { url: this.url(parameters), show: (body) => this.#show(body), failed: (error) => this.#fail(error) };
  }

  #wanted() {
    const query = this.query();
    const known = this.columns.some((column) => column.id === query.get("sort"));
    const page = Math.max(0, (Number.parseInt(query.get("page") ?? "1", 10) || 1) - 1);
    return known
      ? {
          sort: query.get("sort"),
          order: query.get("order") === "desc" ? "desc" : "asc",
          page,
          q: query.get("q") ?? "",
        }
      : { sort: this.sort, order: this.order, page, q: query.get("q") ?? "" };
  }

  #show({ total, rows }) {
    const { page, q } = this.#wanted();
    this.#drawHead();
    this.total.textContent = count(total);
    const lastPage = Math.max(0, Math.ceil(total / PAGE) - 1);
    if (page > lastPage) {
      this.go({ page: lastPage > 0 ? String(lastPage + 1) : null });
      return;
    }
    const nothing = q ? `Nothing matches “${q}”.` : this.empty;
    replace(this.body, ...(rows.length ? rows.map((row) => this.#row(row)) : [this.#wide(nothing, "nothing")]));
    this.#drawPager(total, page, lastPage, rows.length);
  }

  #fail(error) {
    replace(this.body, this.#wide(error.message, "nothing"));
  }

  #row(row) {
    return h(
      "tr",
      { role: "row" },
      this.columns.map((column, index) =>
        h(
          index ? "td" : "th",
          {
            role: index ? "cell" : "rowheader",
            scope: index ? null : "row",
            class: column.number ? "number" : null,
            "data-label": column.name,
          },
          column.cell(row),
        ),
      ),
    );
  }

  #wide(text, kind) {
    return h("tr", { role: "row", class: kind }, h("td", { role: "cell", colspan: this.columns.length }, text));
  }

  #drawHead() {
    const { sort, order } = this.#wanted();
    replace(
      this.head,
      this.columns.map((column) => {
        const sorted = column.id === sort;
        const direction = sorted ? (order === "asc" ? "ascending" : "descending") : null;
        const first = column.number || column.most ? "desc" : "asc";
        const next = sorted ? (order === "asc" ? "desc" : "asc") : first;
        const arrow = h("span", { class: "arrow", "aria-hidden": "true" }, sorted && (order === "asc" ? "▲" : "▼"));
        return h(
          "th",
          { role: "columnheader", scope: "col", class: column.number ? "number" : null, "aria-sort": direction },
          h(
            "button",
            {
              type: "button",
              title: column.title,
              "data-focus": `sort ${column.id}`,
              onclick: () => this.go({ sort: column.id, order: next, page: null }),
            },
            column.number ? [arrow, column.name] : [column.name, arrow],
          ),
        );
      }),
    );
    this.choice.value = `${sort} ${order}`;
  }

  // Sort control for narrow screens, where rows are cards and the table has no header.
  #sortChoice() {
    this.choice = h(
      "select",
      {
        "aria-label": `Sort ${this.caption} by`,
        onchange: (event) => {
          const [sort, order] = event.target.value.split(" ");
          this.go({ sort, order, page: null });
        },
      },
      this.columns.flatMap((column) =>
        [
          ["asc", "▲"],
          ["desc", "▼"],
        ].map(([order, arrow]) => h("option", { value: `${column.id} ${order}` }, `${column.name} ${arrow}`)),
      ),
    );
    return h("label", { class: "narrow" }, this.choice);
  }

  #filter() {
    let timer;
    return h("input", {
      type: "search",
      placeholder: "Filter by name",
      "aria-label": `Filter ${this.caption} by name`,
      spellcheck: "false",
      value: this.query().get("q") ?? "",
      oninput: (event) => {
        clearTimeout(timer);
        timer = setTimeout(() => this.go({ q: event.target.value.trim() || null, page: null }), TYPING_MS);
      },
    });
  }

  #drawPager(total, page, lastPage, shown) {
    if (total <= PAGE) {
      this.foot.replaceChildren();
      return;
    }
    const to = (number) => this.go({ page: number > 0 ? String(number + 1) : null }, { push: true });
    const button = (name, number, able) =>
      h("button", { type: "button", "data-focus": name, disabled: !able, onclick: () => to(number) }, name);
    replace(
      this.foot,
      button("Previous", page - 1, page > 0),
      h("span", null, `${count(page * PAGE + 1)}–${count(page * PAGE + shown)} of ${count(total)}`),
      button("Next", page + 1, page < lastPage),
    );
  }
}
