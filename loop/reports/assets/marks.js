// Marks of a chart. Those of one kind are one path: 10,000 of them stay light, and print sharp.

/** The outline of marks at (xs, ys): [path, whether it is filled rather than stroked]. */
function marks(shape, xs, ys, size) {
  const r = size / 2;
  const parts = [];
  for (let k = 0; k < xs.length; k++) {
    const x = xs[k],
      y = ys[k];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    const X = x.toFixed(1),
      Y = y.toFixed(1);
    if (shape === "circle") parts.push(`M${X} ${Y}h.01`);
    else if (shape === "square") parts.push(`M${(x - r * 0.86).toFixed(1)} ${Y}h${(size * 0.86).toFixed(1)}`);
    else if (shape === "triangle") parts.push(`M${X} ${(y - r * 1.15).toFixed(1)}l${r} ${r * 1.8}h${-2 * r}z`);
    else if (shape === "diamond")
      parts.push(
        `M${X} ${(y - r * 1.25).toFixed(1)}l${r * 1.1} ${r * 1.25}l${-r * 1.1} ${r * 1.25}l${-r * 1.1} ${-r * 1.25}z`,
      );
    else if (shape === "cross")
      parts.push(`M${(x - r).toFixed(1)} ${(y - r).toFixed(1)}l${size} ${size}m0 ${-size}l${-size} ${size}`);
    else parts.push(`M${(x - r).toFixed(1)} ${Y}a${r} ${r} 0 1 0 ${size} 0a${r} ${r} 0 1 0 ${-size} 0`);
  }
  return parts.join("");
}

function markPath(shape, d, colour, size, { opacity = 1, width = 1.6 } = {}) {
  const isDot = shape === "circle" || shape === "square";
  if (isDot) {
    return svg("path", {
      d,
      fill: "none",
      stroke: colour,
      "stroke-width": shape === "square" ? size * 0.86 : size,
      "stroke-linecap": shape === "circle" ? "round" : "butt",
      "stroke-opacity": opacity,
    });
  }
  const isFilled = shape === "triangle" || shape === "diamond";
  return svg("path", {
    d,
    fill: isFilled ? colour : "none",
    stroke: isFilled ? "none" : colour,
    "stroke-width": width,
    opacity,
  });
}

const DRAW = {
  points({ x, y, shape = "circle", colour, size = 6, opacity, halo }, sx, sy) {
    const d = marks(shape, x.map(sx), y.map(sy), size);
    const dot = markPath(shape, d, colour, size, { opacity });
    return halo ? [markPath(shape, d, "var(--halo)", size + 2), dot] : dot;
  },
  line({ x, y, colour, dash, width = 1.8, opacity }, sx, sy) {
    let d = "",
      isDown = false;
    for (let k = 0; k < x.length; k++) {
      const X = sx(x[k]),
        Y = sy(y[k]);
      if (!Number.isFinite(X) || !Number.isFinite(Y)) {
        isDown = false;
        continue;
      }
      d += `${isDown ? "L" : "M"}${X.toFixed(1)} ${Y.toFixed(1)}`;
      isDown = true;
    }
    return svg("path", {
      d,
      fill: "none",
      stroke: colour,
      "stroke-width": width,
      "stroke-dasharray": dash,
      "stroke-linejoin": "round",
      "stroke-opacity": opacity,
    });
  },
  step({ x, y, colour, width = 2.2 }, sx, sy) {
    let d = "";
    for (let k = 0; k < x.length; k++)
      d += (k ? `H${sx(x[k]).toFixed(1)}V` : `M${sx(x[k]).toFixed(1)} `) + sy(y[k]).toFixed(1);
    return svg("path", { d, fill: "none", stroke: colour, "stroke-width": width });
  },
  band({ x, low, high, colour, opacity = 0.16 }, sx, sy) {
    const there = x.map((one, k) => [sx(one).toFixed(1), sy(low[k]).toFixed(1), sy(high[k]).toFixed(1)]);
    const d = `M${there.map(([X, , H]) => `${X} ${H}`).join("L")}L${[...there]
      .reverse()
      .map(([X, L]) => `${X} ${L}`)
      .join("L")}z`;
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
      if (n > base)
        d += `M${(sx(edges[k]) + 0.5).toFixed(1)} ${bottom}V${sy(n).toFixed(1)}H${(sx(edges[k + 1]) - 0.5).toFixed(1)}V${bottom}z`;
    });
    return svg("path", { d, fill: colour, "fill-opacity": opacity });
  },
  text({ x, y, text, anchor = "start", dx = 0, dy = 0 }, sx, sy) {
    return svg("text", { x: sx(x) + dx, y: sy(y) + dy, "text-anchor": anchor, class: "note" }, text);
  },
};

const clean = (x) => (Number.isFinite(x) ? x.toFixed(1) : "-9");

/** A legend entry's sign: a mark, a line, or a filled box. */
function sign({ shape, colour, dash, box, line, opacity, ramp }) {
  const inside = ramp
    ? ramp.map((one, k) =>
        svg("rect", { x: 1 + (k * 22) / ramp.length, y: 3, width: 22 / ramp.length + 0.3, height: 10, fill: one }),
      )
    : box
      ? svg("rect", { x: 2, y: 3, width: 20, height: 10, fill: colour, "fill-opacity": opacity ?? 1 })
      : line
        ? svg("line", { x1: 1, x2: 23, y1: 8, y2: 8, stroke: colour, "stroke-width": 2.2, "stroke-dasharray": dash })
        : markPath(shape, marks(shape, [12], [8], 8), colour, 8);
  return svg("svg", { viewBox: "0 0 24 16", class: "sign", "aria-hidden": "true" }, inside);
}
