// A figure: a chart that draws itself when it is seen, with its legend, its words, and the same as a table.

/**
 * A figure that draws itself when it is seen: heading, plot, legend, words, and the same as a table.
 * `make()` gives {x, y, layers, legend, words, hover, rows} or {empty: why}; called again on `refresh()`.
 */
function figure({ id, title, level = 3, height = 300, make, tools }) {
  const plot = el("div", { class: "plot" });
  const legend = el("ul", { class: "legend", "aria-label": "Legend" });
  const words = el("p", { class: "words" });
  const rows = el("div");
  const details = el(
    "details",
    { class: "as-table", ontoggle: () => fillTable() },
    el("summary", null, "The same as a table"),
    rows,
  );
  const node = el(
    "figure",
    { id, "aria-labelledby": `${id}-title` },
    el(`h${level}`, { id: `${id}-title` }, title),
    tools,
    plot,
    legend,
    el("figcaption", null, words),
    details,
  );
  let spec = null;
  const fillTable = () => {
    if (details.open && spec?.rows) put(rows, pagedRows(title, ...spec.rows()));
  };
  const draw = () => {
    if (!spec || spec.empty || !plot.clientWidth) return;
    const width = isPaper ? (plot.closest(".pair") ? 380 : 720) : plot.clientWidth;
    const tall = spec.isSquare ? Math.min(width, 430) : Math.min(height, Math.max(220, width * 0.72));
    const { node: picture, sx, sy } = chart(spec, width, tall);
    put(plot, picture);
    if (spec.hover) hover(plot, picture, spec.hover, sx, sy);
  };
  const refresh = () => {
    spec = make();
    details.hidden = !spec.rows;
    legend.hidden = !spec.legend?.length;
    plot.classList.toggle("nothing", Boolean(spec.empty));
    put(words, spec.empty ? "" : spec.words);
    if (spec.empty) {
      put(plot, el("p", null, spec.empty));
      return;
    }
    put(
      legend,
      (spec.legend ?? []).map((one) => el("li", null, sign(one), " ", one.label)),
    );
    fillTable();
    markDirty(plot);
  };
  watch(plot, draw);
  refresh();
  return { node, refresh };
}

/** The first rows of a long table, more at a time; `cells` makes a row of one of `all`. */
function pagedRows(caption, head, all, cells = (row) => row) {
  const box = el("div");
  let shown = 100;
  const show = () =>
    put(
      box,
      table(
        `${caption}${all.length > shown ? `, ${shown} of ${count(all.length)} rows` : ""}`,
        head,
        all.slice(0, shown).map(cells),
      ),
      all.length > shown &&
        el(
          "button",
          {
            type: "button",
            onclick: () => {
              shown += 400;
              show();
            },
          },
          "Show more rows",
        ),
    );
  show();
  return box;
}

/** The nearest mark under the pointer: what it is, and a way to open it. */
function hover(plot, picture, { n, x, y, text, open }, sx, sy) {
  const ring = svg("circle", { r: 7, class: "ring", visibility: "hidden" });
  const tip = el("div", { class: "tip", hidden: true });
  picture.append(ring);
  plot.append(tip);
  let found = -1;
  const find = (event) => {
    const box = picture.getBoundingClientRect();
    const k = picture.viewBox.baseVal.width / box.width;
    const px = (event.clientX - box.left) * k,
      py = (event.clientY - box.top) * k;
    let best = event.pointerType === "touch" ? 900 : 300;
    found = -1;
    for (let i = 0; i < n; i++) {
      const dx = sx(x(i)) - px,
        dy = sy(y(i)) - py,
        far = dx * dx + dy * dy;
      if (far < best) {
        best = far;
        found = i;
      }
    }
    ring.setAttribute("visibility", found < 0 ? "hidden" : "visible");
    tip.hidden = found < 0;
    plot.classList.toggle("can-open", found >= 0 && Boolean(open?.(found)));
    if (found < 0) return;
    const cx = sx(x(found)),
      cy = sy(y(found));
    ring.setAttribute("cx", cx);
    ring.setAttribute("cy", cy);
    put(
      tip,
      text(found).map((line) => el("div", null, line)),
    );
    const room = plot.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, Math.min(cx / k + 12, room))}px`;
    tip.style.top = `${Math.max(0, cy / k - tip.offsetHeight - 12)}px`;
  };
  picture.addEventListener("pointermove", find);
  picture.addEventListener("pointerleave", () => {
    tip.hidden = true;
    ring.setAttribute("visibility", "hidden");
  });
  picture.addEventListener("click", (event) => {
    find(event);
    const target = found >= 0 && open?.(found);
    if (target) location.hash = target;
  });
}
