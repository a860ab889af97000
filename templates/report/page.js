/* A table whose rows are tbodies -> sorted by its headings, filtered by words and choices, a hundred at a time. No network. */
"use strict";
const listed = (section) => {
  const table = section.querySelector("table");
  if (!table) return;
  const PAGE = 100;
  const rows = [...table.tBodies];
  const heads = [...table.querySelectorAll("th[data-key]")];
  const search = section.querySelector("[data-search]");
  const picks = [...section.querySelectorAll("[data-pick]")];
  const order = section.querySelector("[data-sort]");
  const more = section.querySelector("[data-more]");
  const shown = section.querySelector("[data-shown]");
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const words = new Map();
  let limit = PAGE;

  const textOf = (row) => {
    if (!words.has(row)) words.set(row, row.textContent.toLowerCase());
    return words.get(row);
  };

  const fold = (row, open) => {
    row.classList.toggle("folded", !open);
    row.querySelector("button.fold").setAttribute("aria-expanded", String(open));
  };

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const row of table.tBodies) {
      const fits = picks.every((pick) => !pick.value || row.dataset[pick.dataset.pick] === pick.value)
        && wanted.every((word) => textOf(row).includes(word));
      row.hidden = !fits;
      if (fits) found += 1;
      row.classList.toggle("later", fits && found > limit);
    }
    shown.textContent = `${Math.min(found, limit).toLocaleString("en")} of ${rows.length.toLocaleString("en")} hosts shown`
      + (found > limit && found < rows.length ? `, ${found.toLocaleString("en")} fit` : "");
    more.hidden = found <= limit;
  };

  const sort = (key, descending) => {
    const head = heads.find((each) => each.dataset.key === key);
    const sign = descending ? -1 : 1;
    const value = head.dataset.type === "number"
      ? (one, other) => one.dataset[key] - other.dataset[key]
      : (one, other) => compare(one.dataset[key], other.dataset[key]);
    rows.sort((one, other) => sign * value(one, other) || one.dataset.verdict - other.dataset.verdict);
    table.append(...rows);
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    order.value = key;
    filter();
  };

  /* Numbers sort largest first; a verdict's number is its place in the report, worst first. */
  const first = (key) => key === "score" || key === "peers";

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sort(head.dataset.key, now ? now === "ascending" : first(head.dataset.key));
    });
  }

  for (const row of rows) {
    const label = row.querySelector(".fold");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "fold";
    button.append(...label.childNodes);
    label.replaceWith(button);
    button.addEventListener("click", () => fold(row, row.classList.contains("folded")));
    fold(row, rows.length <= Number(table.dataset.open));
  }

  /* A link to a host shows it even if it is filtered out or folded. */
  const reveal = () => {
    const row = rows.find((each) => `#${each.id}` === location.hash);
    if (!row) return;
    row.hidden = false;
    row.classList.remove("later");
    fold(row, true);
    row.scrollIntoView();
  };

  for (const button of section.querySelectorAll("[data-fold]")) {
    button.addEventListener("click", () => {
      for (const row of rows) if (!row.hidden) fold(row, button.dataset.fold === "open");
    });
  }
  more.querySelector("button").addEventListener("click", () => {
    limit += PAGE;
    filter();
  });
  search.addEventListener("input", filter);
  for (const pick of picks) pick.addEventListener("change", filter);
  order.addEventListener("change", () => sort(order.value, first(order.value)));
  addEventListener("hashchange", reveal);
  section.querySelector(".controls").hidden = false;
  filter();
  document.documentElement.classList.remove("loading");
  reveal();
};

try {
  for (const section of document.querySelectorAll("[data-list]")) listed(section);
} finally {
  document.documentElement.classList.remove("loading");
}
