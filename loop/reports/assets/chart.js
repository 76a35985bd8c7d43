// A small chart: axes, and layers of marks on them.

const MARGIN = { top: 14, right: 16, bottom: 46, left: 54 };

let nCharts = 0;

/** Draw `spec` at a width: {x, y, layers, label}. Axes: {label, domain, log, integer, ticks}. */
function chart(spec, width, height) {
  const id = `clip${nCharts++}`;
  const yTicks = spec.y.ticks ?? ticks(spec.y, Math.max(3, height / 52));
  const yTexts = yTicks.map((t) => spec.y.text?.(t) ?? tickText(t, yTicks, spec.y.log));
  const left = Math.max(MARGIN.left, 26 + 7.2 * Math.max(...yTexts.map((t) => t.length)));
  const right = width - MARGIN.right - (spec.x.log ? 12 : 0),
    bottom = height - MARGIN.bottom;
  const sx = scale(spec.x, left, right),
    sy = scale(spec.y, bottom, MARGIN.top);
  const xTicks = thinned(spec.x.ticks ?? ticks(spec.x, Math.max(3, (right - left) / 78)), spec.x, sx);
  const grid = svg(
    "g",
    { class: "grid" },
    yTicks.map((t) => svg("line", { x1: left, x2: right, y1: sy(t), y2: sy(t) })),
  );
  const axes = svg(
    "g",
    { class: "axes" },
    svg("line", { x1: left, x2: right, y1: bottom, y2: bottom }),
    xTicks.map(([t, text]) => [
      svg("line", { x1: sx(t), x2: sx(t), y1: bottom, y2: bottom + 5 }),
      svg("text", { x: sx(t), y: bottom + 18, "text-anchor": "middle" }, text),
    ]),
    yTicks.map((t, k) => svg("text", { x: left - 8, y: sy(t) + 4, "text-anchor": "end" }, yTexts[k])),
    svg(
      "text",
      { x: (left + right) / 2, y: height - 6, "text-anchor": "middle", class: "title" },
      fitting(spec.x.label, right - left + 40),
    ),
    svg(
      "text",
      { transform: `translate(13 ${(MARGIN.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle", class: "title" },
      fitting(spec.y.label, bottom - MARGIN.top + 40),
    ),
  );
  const inside = svg(
    "g",
    { "clip-path": `url(#${id})` },
    spec.layers.map((layer) => DRAW[layer.kind](layer, sx, sy)),
  );
  const clip = svg(
    "clipPath",
    { id },
    svg("rect", { x: left - 1, y: MARGIN.top - 6, width: right - left + 8, height: bottom - MARGIN.top + 7 }),
  );
  const node = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": spec.label, class: "chart" },
    clip,
    grid,
    axes,
    inside,
  );
  return { node, sx, sy };
}
