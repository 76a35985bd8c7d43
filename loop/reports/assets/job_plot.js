// A plot of a job, from the curves that it left.

/** A plot of a job. */
const CURVES = [
  ["var(--blue)", ""],
  ["var(--red)", "7 3"],
  ["var(--green)", "2 2"],
  ["var(--pink)", "9 3 2 3"],
  ["var(--orange)", "4 2"],
  ["var(--ink)", "1 3"],
  ["var(--grey)", "10 4"],
  ["var(--sky)", "5 5"],
];

function jobPlot(plot) {
  const series = plot.series.filter((s) => s.x.length);
  if (!series.length) return { empty: "The job's table holds nothing that can be drawn." };
  const layers = [],
    legend = [];
  const xs = series.flatMap((s) => s.x),
    ys = series.flatMap((s) => s.y).filter((v) => !plot.is_log_y || v > 0);
  series.forEach((s, k) => {
    const [colour, dash] = CURVES[k % CURVES.length];
    const shape = ["circle", "diamond", "triangle", "square"][k % 4];
    if (s.error && !s.is_points)
      layers.push({
        kind: "band",
        x: s.x,
        low: s.y.map((v, i) => v - (s.error[i] ?? 0)),
        high: s.y.map((v, i) => v + (s.error[i] ?? 0)),
        colour,
      });
    if (s.error && s.is_points) layers.push({ kind: "errors", x: s.x, y: s.y, dy: s.error, colour });
    if (s.fitted) {
      const inside = s.x.map((x, i) => [x, s.y[i]]).filter(([x]) => x >= s.fitted[0] && x <= s.fitted[1]);
      layers.push({
        kind: "line",
        x: inside.map((p) => p[0]),
        y: inside.map((p) => p[1]),
        colour,
        width: 6,
        opacity: 0.3,
      });
    }
    layers.push(
      s.is_points
        ? { kind: "points", x: s.x, y: s.y, shape, colour, size: 8 }
        : { kind: "line", x: s.x, y: s.y, colour, dash },
    );
    legend.push(s.is_points ? { shape, colour, label: s.label } : { line: true, colour, dash, label: s.label });
  });
  const log = (values) => {
    const good = values.filter((v) => v > 0);
    return [Math.min(...good), Math.max(...good)];
  };
  const xDomain = plot.is_log_x ? log(xs) : [Math.min(...xs), Math.max(...xs)];
  let yDomain = plot.is_log_y ? log(ys) : domainOf(ys, { zero: plot.name !== "density" });
  if (plot.is_log_y) yDomain = [yDomain[0] / 1.3, yDomain[1] * 1.3];
  if (plot.name === "conductivity") yDomain = robust(ys);
  if (plot.name === "coordination") yDomain = [0, Math.min(8, domainOf(ys)[1])];
  if (plot.name === "msd") {
    const end = xDomain[1],
      start = end / 10,
      height = (series[0].y.at(-1) ?? 1) / 4;
    layers.push(
      { kind: "line", x: [start, end], y: [height / 10, height], colour: "var(--grey)", width: 1 },
      { kind: "text", x: end, y: height, anchor: "end", dx: -6, dy: 16, text: "∝ t" },
    );
    yDomain[0] = Math.max(yDomain[0], yDomain[1] / 1e5);
  }
  return {
    x: { label: plot.x_label, domain: xDomain, log: plot.is_log_x },
    y: { label: plot.y_label, domain: yDomain, log: plot.is_log_y },
    layers,
    legend,
    words: plot.words,
    label: `${plot.title}. ${plot.words} Curves: ${series.map((s) => s.label).join(", ")}.`,
    rows: () => [
      ["Curve", { title: plot.x_label, right: true }, { title: plot.y_label, right: true }],
      series.flatMap((s) => s.x.map((x, k) => [s.label, num(x, 4), num(s.y[k], 4)])),
    ],
  };
}

/** A range that holds nearly all values: the noise at the longest lags would flatten the rest. */
function robust(values) {
  const sorted = [...values].sort((a, b) => a - b),
    at = (q) => sorted[Math.floor(q * (sorted.length - 1))];
  return domainOf([0, at(0.04), at(0.96) * 1.15]);
}
