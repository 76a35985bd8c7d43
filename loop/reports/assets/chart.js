// A small chart: axes, and layers of marks. Marks of one kind are one path, so that 10,000 of them stay light, print
// sharp and follow light and dark.

const MARGIN = { top: 14, right: 16, bottom: 46, left: 54 };

/** From data to pixels. `axis`: {domain: [low, high], log}. */
function scale(axis, from, to) {
  const f = axis.log ? Math.log10 : (x) => x;
  const [low, high] = axis.domain.map(f);
  const k = (to - from) / (high - low || 1);
  return (x) => from + (f(x) - low) * k;
}

function ticks(axis, wanted) {
  const [low, high] = axis.domain;
  if (axis.log) {
    const decades = Math.log10(high / low);
    const steps = decades > wanted ? [1] : decades > wanted / 3 ? [1, 3] : [1, 2, 5];
    const every = Math.max(1, Math.ceil(decades / wanted));
    const found = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e += every) {
      for (const s of steps) found.push(s * 10 ** e);
    }
    const kept = found.filter((x) => x >= low * 0.999 && x <= high * 1.001);
    if (kept.length > 1) return kept;
  }
  const rough = (high - low) / Math.max(1, wanted);
  const size = 10 ** Math.floor(Math.log10(rough));
  let step = size * [1, 2, 5, 10].find((s) => size * s >= rough * 0.999);
  if (axis.integer) step = Math.max(1, Math.round(step));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step);
  return found;
}

function tickText(x, all, log) {
  if (x === 0) return "0";
  const step = log ? Math.abs(x) : Math.abs(all[1] - all[0]) || Math.abs(x);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  if (Math.abs(x) >= 1e6 || digits > 4) return superscript(x.toExponential(0));
  const text = x.toFixed(digits);
  return (Math.abs(x) >= 10000 ? count(text) : text).replace("-", "−");
}

function superscript(text) {
  const [mantissa, exponent] = text.split("e");
  const raised = String(Number(exponent)).replace(/[-\d]/g, (d) => ({ "-": "⁻" })[d] ?? "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
  return mantissa === "1" ? `10${raised}` : `${mantissa} × 10${raised}`;
}

/** A range around values, from 0 where they come near it. */
function domainOf(values, { zero = true, pad = 0.06 } = {}) {
  let low = Infinity, high = -Infinity;
  for (const x of values) if (Number.isFinite(x)) { if (x < low) low = x; if (x > high) high = x; }
  if (low > high) return [0, 1];
  if (low === high) { low -= Math.abs(low) * 0.1 || 1; high += Math.abs(high) * 0.1 || 1; }
  const more = (high - low) * pad;
  if (zero && low >= 0 && low < 0.45 * high) return [0, high + more];
  return [low - more, high + more];
}

/** The outline of marks at (xs, ys): [path, whether it is filled rather than stroked]. */
function marks(shape, xs, ys, size) {
  const r = size / 2;
  const parts = [];
  for (let k = 0; k < xs.length; k++) {
    const x = xs[k], y = ys[k];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    const X = x.toFixed(1), Y = y.toFixed(1);
    if (shape === "circle") parts.push(`M${X} ${Y}h.01`);
    else if (shape === "square") parts.push(`M${(x - r * 0.86).toFixed(1)} ${Y}h${(size * 0.86).toFixed(1)}`);
    else if (shape === "triangle") parts.push(`M${X} ${(y - r * 1.15).toFixed(1)}l${r} ${r * 1.8}h${-2 * r}z`);
    else if (shape === "diamond") parts.push(`M${X} ${(y - r * 1.25).toFixed(1)}l${r * 1.1} ${r * 1.25}l${-r * 1.1} ${r * 1.25}l${-r * 1.1} ${-r * 1.25}z`);
    else if (shape === "cross") parts.push(`M${(x - r).toFixed(1)} ${(y - r).toFixed(1)}l${size} ${size}m0 ${-size}l${-size} ${size}`);
    else parts.push(`M${(x - r).toFixed(1)} ${Y}a${r} ${r} 0 1 0 ${size} 0a${r} ${r} 0 1 0 ${-size} 0`);
  }
  return parts.join("");
}

function markPath(shape, d, colour, size, { opacity = 1, width = 1.6 } = {}) {
  const isDot = shape === "circle" || shape === "square";
  if (isDot) {
    return svg("path", { d, fill: "none", stroke: colour, "stroke-width": shape === "square" ? size * 0.86 : size,
      "stroke-linecap": shape === "circle" ? "round" : "butt", "stroke-opacity": opacity });
  }
  const isFilled = shape === "triangle" || shape === "diamond";
  return svg("path", { d, fill: isFilled ? colour : "none", stroke: isFilled ? "none" : colour, "stroke-width": width,
    opacity });
}

const DRAW = {
  points({ x, y, shape = "circle", colour, size = 6, opacity, halo }, sx, sy) {
    const d = marks(shape, x.map(sx), y.map(sy), size);
    const dot = markPath(shape, d, colour, size, { opacity });
    return halo ? [markPath(shape, d, "var(--halo)", size + 2), dot] : dot;
  },
  line({ x, y, colour, dash, width = 1.8, opacity }, sx, sy) {
    let d = "", isDown = false;
    for (let k = 0; k < x.length; k++) {
      const X = sx(x[k]), Y = sy(y[k]);
      if (!Number.isFinite(X) || !Number.isFinite(Y)) { isDown = false; continue; }
      d += `${isDown ? "L" : "M"}${X.toFixed(1)} ${Y.toFixed(1)}`;
      isDown = true;
    }
    return svg("path", { d, fill: "none", stroke: colour, "stroke-width": width, "stroke-dasharray": dash,
      "stroke-linejoin": "round", "stroke-opacity": opacity });
  },
  step({ x, y, colour, width = 2.2 }, sx, sy) {
    let d = "";
    for (let k = 0; k < x.length; k++) d += (k ? `H${sx(x[k]).toFixed(1)}V` : `M${sx(x[k]).toFixed(1)} `) + sy(y[k]).toFixed(1);
    return svg("path", { d, fill: "none", stroke: colour, "stroke-width": width });
  },
  band({ x, low, high, colour, opacity = 0.16 }, sx, sy) {
    const there = x.map((one, k) => [sx(one).toFixed(1), sy(low[k]).toFixed(1), sy(high[k]).toFixed(1)]);
    const d = `M${there.map(([X, , H]) => `${X} ${H}`).join("L")}L${[...there].reverse().map(([X, L]) => `${X} ${L}`).join("L")}z`;
    return svg("path", { d, fill: colour, "fill-opacity": opacity });
  },
  errors({ x, y, dx, dy, colour, opacity = 0.45, width = 1 }, sx, sy) {
    let d = "";
    for (let k = 0; k < x.length; k++) {
      if (dy) d += `M${sx(x[k]).toFixed(1)} ${clean(sy(y[k] - dy[k]))}V${clean(sy(y[k] + dy[k]))}`;
      if (dx) d += `M${clean(sx(x[k] - dx[k]))} ${sy(y[k]).toFixed(1)}H${clean(sx(x[k] + dx[k]))}`;
    }
    return svg("path", { d, fill: "none", stroke: colour, "stroke-width": width, "stroke-opacity": opacity });
  },
  bars({ edges, values, base = 0, colour, opacity = 1 }, sx, sy) {
    let d = "";
    const bottom = sy(base).toFixed(1);
    values.forEach((n, k) => {
      if (n > base) d += `M${(sx(edges[k]) + 0.5).toFixed(1)} ${bottom}V${sy(n).toFixed(1)}H${(sx(edges[k + 1]) - 0.5).toFixed(1)}V${bottom}z`;
    });
    return svg("path", { d, fill: colour, "fill-opacity": opacity });
  },
  text({ x, y, text, anchor = "start", dx = 0, dy = 0 }, sx, sy) {
    return svg("text", { x: sx(x) + dx, y: sy(y) + dy, "text-anchor": anchor, class: "note" }, text);
  },
};

const clean = (x) => (Number.isFinite(x) ? x.toFixed(1) : "-9");

let nCharts = 0;

/** Draw `spec` at a width: {x, y, layers, label}. Axes: {label, domain, log, integer, ticks}. */
function chart(spec, width, height) {
  const id = `clip${nCharts++}`;
  const yTicks = spec.y.ticks ?? ticks(spec.y, Math.max(3, height / 52));
  const yTexts = yTicks.map((t) => spec.y.text?.(t) ?? tickText(t, yTicks, spec.y.log));
  const left = Math.max(MARGIN.left, 26 + 7.2 * Math.max(...yTexts.map((t) => t.length)));
  const right = width - MARGIN.right - (spec.x.log ? 12 : 0), bottom = height - MARGIN.bottom;
  const sx = scale(spec.x, left, right), sy = scale(spec.y, bottom, MARGIN.top);
  const xTicks = thinned(spec.x.ticks ?? ticks(spec.x, Math.max(3, (right - left) / 78)), spec.x, sx);
  const grid = svg("g", { class: "grid" },
    yTicks.map((t) => svg("line", { x1: left, x2: right, y1: sy(t), y2: sy(t) })));
  const axes = svg("g", { class: "axes" },
    svg("line", { x1: left, x2: right, y1: bottom, y2: bottom }),
    xTicks.map(([t, text]) => [svg("line", { x1: sx(t), x2: sx(t), y1: bottom, y2: bottom + 5 }),
      svg("text", { x: sx(t), y: bottom + 18, "text-anchor": "middle" }, text)]),
    yTicks.map((t, k) => svg("text", { x: left - 8, y: sy(t) + 4, "text-anchor": "end" }, yTexts[k])),
    svg("text", { x: (left + right) / 2, y: height - 6, "text-anchor": "middle", class: "title" }, fitting(spec.x.label, right - left + 40)),
    svg("text", { transform: `translate(13 ${(MARGIN.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle", class: "title" },
      fitting(spec.y.label, bottom - MARGIN.top + 40)));
  const inside = svg("g", { "clip-path": `url(#${id})` }, spec.layers.map((layer) => DRAW[layer.kind](layer, sx, sy)));
  const clip = svg("clipPath", { id }, svg("rect", { x: left - 1, y: MARGIN.top - 6, width: right - left + 8, height: bottom - MARGIN.top + 7 }));
  const node = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": spec.label, class: "chart" },
    clip, grid, axes, inside);
  return { node, sx, sy };
}

/** A label, or what stands before its colon where the room is short. */
const fitting = (label, room) => (label.length * 6.4 > room ? label.split(":")[0] : label);

/** Ticks of the x axis with their texts, less those whose texts would touch. */
function thinned(values, axis, sx) {
  let end = -Infinity;
  const found = [];
  for (const t of values) {
    const text = axis.text?.(t) ?? tickText(t, values, axis.log);
    const half = text.length * 3.6 + 4;
    if (sx(t) - half < end) continue;
    end = sx(t) + half;
    found.push([t, text]);
  }
  return found;
}

/** A legend entry's sign: a mark, a line, or a filled box. */
function sign({ shape, colour, dash, box, line, opacity, ramp }) {
  const inside = ramp ? ramp.map((one, k) => svg("rect", { x: 1 + (k * 22) / ramp.length, y: 3, width: 22 / ramp.length + 0.3, height: 10, fill: one }))
    : box ? svg("rect", { x: 2, y: 3, width: 20, height: 10, fill: colour, "fill-opacity": opacity ?? 1 })
    : line ? svg("line", { x1: 1, x2: 23, y1: 8, y2: 8, stroke: colour, "stroke-width": 2.2, "stroke-dasharray": dash })
      : markPath(shape, marks(shape, [12], [8], 8), colour, 8);
  return svg("svg", { viewBox: "0 0 24 16", class: "sign", "aria-hidden": "true" }, inside);
}

/**
 * A figure that draws itself when it is seen: heading, plot, legend, words, and the same as a table.
 * `make()` gives {x, y, layers, legend, words, hover, rows} or {empty: why}; called again on `refresh()`.
 */
function figure({ id, title, level = 3, height = 300, make, tools }) {
  const plot = el("div", { class: "plot" });
  const legend = el("ul", { class: "legend", "aria-label": "Legend" });
  const words = el("p", { class: "words" });
  const rows = el("div");
  const details = el("details", { class: "as-table", ontoggle: () => fillTable() }, el("summary", null, "The same as a table"), rows);
  const node = el("figure", { id, "aria-labelledby": `${id}-title` }, el(`h${level}`, { id: `${id}-title` }, title), tools, plot, legend,
    el("figcaption", null, words), details);
  let spec = null;
  const fillTable = () => {
    if (details.open && spec?.rows) put(rows, pagedRows(title, ...spec.rows()));
  };
  const draw = () => {
    if (!spec || spec.empty || !plot.clientWidth) return;
    const width = plot.clientWidth;
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
    if (spec.empty) { put(plot, el("p", null, spec.empty)); return; }
    put(legend, (spec.legend ?? []).map((one) => el("li", null, sign(one), " ", one.label)));
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
  const show = () => put(box, table(`${caption}${all.length > shown ? `, ${shown} of ${count(all.length)} rows` : ""}`, head, all.slice(0, shown).map(cells)),
    all.length > shown && el("button", { type: "button", onclick: () => { shown += 400; show(); } }, "Show more rows"));
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
    const px = (event.clientX - box.left) * k, py = (event.clientY - box.top) * k;
    let best = event.pointerType === "touch" ? 900 : 300;
    found = -1;
    for (let i = 0; i < n; i++) {
      const dx = sx(x(i)) - px, dy = sy(y(i)) - py, far = dx * dx + dy * dy;
      if (far < best) { best = far; found = i; }
    }
    ring.setAttribute("visibility", found < 0 ? "hidden" : "visible");
    tip.hidden = found < 0;
    plot.classList.toggle("can-open", found >= 0 && Boolean(open?.(found)));
    if (found < 0) return;
    const cx = sx(x(found)), cy = sy(y(found));
    ring.setAttribute("cx", cx);
    ring.setAttribute("cy", cy);
    put(tip, text(found).map((line) => el("div", null, line)));
    const room = plot.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, Math.min(cx / k + 12, room))}px`;
    tip.style.top = `${Math.max(0, cy / k - tip.offsetHeight - 12)}px`;
  };
  picture.addEventListener("pointermove", find);
  picture.addEventListener("pointerleave", () => { tip.hidden = true; ring.setAttribute("visibility", "hidden"); });
  picture.addEventListener("click", (event) => {
    find(event);
    const target = found >= 0 && open?.(found);
    if (target) location.hash = target;
  });
}
