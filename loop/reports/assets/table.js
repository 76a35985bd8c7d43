// The candidates: searched, filtered, sorted, a page at a time.

const PER_PAGE = 50;

const COLUMNS = [
  { title: "Liquid", of: (r) => r.text },
  { title: "State", of: (r) => r.status, className: "wide-only" },
  { title: "Batch", of: (r) => r.batch, right: true, className: "wide-only" },
  { title: "Predicted / mS cm⁻¹", of: (r) => r.mean, right: true, className: "wide-only" },
  { title: "Reported / mS cm⁻¹", of: (r) => r.value, right: true },
  { title: "Off by / s.d.", of: (r) => (r.off === null ? null : Math.abs(r.off)), right: true, className: "wide-only" },
  { title: "Source", of: (r) => r.source, className: "wide-only" },
];

function candidatesTable(state) {
  const asked = { words: "", status: "", sort: null, isDown: true, page: 0 };
  let rows = [],
    seen = new Set();
  const search = el("input", {
    type: "search",
    id: "search",
    placeholder: "LiFSI EC, c012, failed …",
    autocomplete: "off",
    oninput: () => {
      asked.words = search.value;
      asked.page = 0;
      show();
    },
  });
  const status = el("select", {
    id: "status",
    onchange: () => {
      asked.status = status.value;
      asked.page = 0;
      show();
    },
  });
  const found = el("p", { class: "found", role: "status" });
  const body = el("tbody");
  const heads = COLUMNS.map((column, k) =>
    el(
      "th",
      { scope: "col", class: [column.right && "n", column.className].filter(Boolean).join(" ") || null },
      el(
        "button",
        { type: "button", class: "sort", onclick: () => sortBy(k) },
        column.title,
        el("span", { class: "arrow", "aria-hidden": "true" }),
      ),
    ),
  );
  const caption = el("caption", null, "Candidates and results that nobody asked for, the newest first");
  const pager = el("nav", { class: "pager", "aria-label": "Pages of the candidates" });
  const node = el(
    "div",
    null,
    el(
      "form",
      { class: "tools", role: "search", "aria-label": "Candidates", onsubmit: (event) => event.preventDefault() },
      el("label", { class: "grow" }, "Search ", search),
      el("label", null, "State ", status),
      el("button", { type: "button", onclick: () => save() }, "Save as CSV"),
    ),
    found,
    el(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "Table of candidates" },
      el("table", { class: "candidates" }, caption, el("thead", null, el("tr", null, heads)), body),
    ),
    pager,
  );

  const sortBy = (k) => {
    asked.isDown = asked.sort === k ? !asked.isDown : Boolean(COLUMNS[k].right);
    asked.sort = k;
    asked.page = 0;
    show();
  };
  const chosen = () => {
    const words = asked.words.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = rows.filter(
      (r) => (!asked.status || r.status === asked.status) && words.every((w) => r.search.includes(w)),
    );
    const of = asked.sort === null ? (r) => r.order : COLUMNS[asked.sort].of;
    const way = asked.isDown ? -1 : 1;
    return kept.sort((a, b) => {
      const x = of(a),
        y = of(b);
      if (x === null || y === null) return x === y ? b.order - a.order : x === null ? 1 : -1;
      return (x < y ? -1 : x > y ? 1 : 0) * way || b.order - a.order;
    });
  };
  const show = (n = PER_PAGE) => {
    const all = chosen();
    const nPages = Math.max(1, Math.ceil(all.length / PER_PAGE));
    asked.page = Math.min(asked.page, nPages - 1);
    const first = n === PER_PAGE ? asked.page * PER_PAGE : 0;
    heads.forEach((head, k) =>
      head.setAttribute("aria-sort", asked.sort === k ? (asked.isDown ? "descending" : "ascending") : "none"),
    );
    for (const part of node.children) part.hidden = part !== found && !rows.length;
    put(
      found,
      rows.length
        ? `${count(all.length)} of ${count(rows.length)} shown` +
            (n !== PER_PAGE && all.length > n ? `, the first ${count(n)} on paper` : "")
        : "No candidate has been proposed yet.",
    );
    const focused = document.activeElement?.dataset?.key;
    put(
      body,
      all
        .slice(first, first + n)
        .map((row) => tableRow(row, state.arrived?.has(row.key), state.waiting?.claims?.[row.key])),
    );
    if (focused) body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    const go = (page, words) =>
      el(
        "button",
        {
          type: "button",
          disabled: page < 0 || page >= nPages,
          onclick: () => {
            asked.page = page;
            show();
            node.scrollIntoView({ block: "start" });
          },
        },
        words,
      );
    put(
      pager,
      nPages > 1 && [
        go(0, "First"),
        go(asked.page - 1, "Previous"),
        el("span", null, `Page ${count(asked.page + 1)} of ${count(nPages)}`),
        go(asked.page + 1, "Next"),
        go(nPages - 1, "Last"),
      ],
    );
  };
  const refresh = () => {
    rows = tableRows(state.view);
    const states = [...new Set(rows.map((r) => r.status))];
    put(
      status,
      el("option", { value: "" }, "all"),
      states.map((s) =>
        el(
          "option",
          { value: s },
          `${(STATES[s] ?? ["", s])[1]} (${count(rows.filter((r) => r.status === s).length)})`,
        ),
      ),
    );
    status.value = states.includes(asked.status) ? asked.status : "";
    asked.status = status.value;
    show();
  };
  const save = () => {
    const head = [
      "id",
      "liquid",
      "state",
      "batch",
      "predicted_mS_cm",
      "predicted_sd_mS_cm",
      "reported_mS_cm",
      "standard_uncertainty_mS_cm",
      "source",
    ];
    const lines = chosen().map((r) => [r.key, r.text, r.status, r.batch, r.mean, r.std, r.value, r.error, r.source]);
    const url = URL.createObjectURL(
      new Blob([[head, ...lines].map((line) => line.map(csvCell).join(",")).join("\r\n") + "\r\n"], {
        type: "text/csv",
      }),
    );
    el("a", { href: url, download: `${state.view.name}-candidates.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  refresh();
  return {
    node,
    refresh,
    showAll: () => show(500),
    showPage: () => show(),
    filter: (value) => {
      asked.status = value;
      asked.words = "";
      search.value = "";
      asked.page = 0;
      refresh();
    },
  };
}

function tableRow(row, isNew, robot) {
  const claim = robot && el("span", { class: "faint" }, ` taken on by ${robot}`);
  const cells = [
    el(
      "td",
      null,
      el("a", { href: row.hash, "data-key": row.key }, row.text),
      el("code", { class: "id" }, row.key),
      el("span", { class: "phone-only" }, chip(row.status), claim?.cloneNode(true)),
      row.isReplicate && " replicate",
      isNew && el("strong", null, " new"),
    ),
    el("td", { class: "wide-only" }, chip(row.status), claim),
    el("td", { class: "n wide-only" }, row.batch ?? "–"),
    el("td", { class: "n wide-only" }, row.mean === null ? "–" : pm(row.mean, row.std)),
    el(
      "td",
      { class: "n" },
      row.value !== null ? pm(row.value, row.error) : row.limit ? `${row.limit.limit} ${num(row.limit.value)}` : "–",
    ),
    el("td", { class: "n wide-only" }, row.isOther ? "other liquid" : num(row.off, 2)),
    el("td", { class: "wide-only" }, row.source || "–"),
  ];
  return el("tr", { class: isNew ? "arrived" : null }, cells);
}
