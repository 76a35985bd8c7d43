// What each plot of the campaign is made of.

/** Hash of what a result belongs to: its candidate, or itself. */
const hashOf = (result) => (result.candidate ? `#c/${result.candidate}` : `#r/${result.id}`);

function resultLines(result) {
  return [result.text, `${pm(result.value, result.std)} ${UNIT} (${result.source})`,
    result.mean !== null && `predicted ${pm(result.mean, result.pstd)} ${UNIT}`].filter(Boolean);
}

/** Best so far of one source, beside random draws. */
function bestPlot(best, results) {
  if (!best) return { empty: "No conductivity has come back yet." };
  const rows = results.filter((r) => r.counts && r.source === best.source);
  const style = sourceStyle(best.source);
  const numbers = rows.map((_, k) => k + 1);
  const log = best.n > 100;
  const last = log ? best.n : Math.max(best.n, 2);
  const measured = best.pools.find((p) => p.key === "measured"), known = best.pools.find((p) => p.key === "known");
  const stepX = [...best.steps.map((s) => s[0]), best.n], stepY = [...best.steps.map((s) => s[1]), best.steps.at(-1)[1]];
  const layers = [];
  const legend = [{ ...style, label: `each result${best.n <= 300 ? ", ±1 standard uncertainty" : ""}` }, { line: true, colour: "var(--ink)", label: "best so far" }];
  if (measured) {
    layers.push({ kind: "band", x: measured.draws, low: measured.low, high: measured.high, colour: "var(--grey)" },
      { kind: "line", x: measured.draws, y: measured.expected, colour: "var(--grey)", dash: "7 4" });
    legend.push({ line: true, dash: "7 4", colour: "var(--grey)", label: "the same results in random order: expected best, and the middle 90 %" });
  }
  if (known) {
    layers.push({ kind: "line", x: known.draws, y: known.expected, colour: "var(--green)", dash: "2 3", width: 2.4 });
    legend.push({ line: true, dash: "2 3", colour: "var(--green)", label: `random draws from ${count(known.n)} known liquids: expected best` });
  }
  if (best.n <= 300) layers.push({ kind: "errors", x: numbers, y: rows.map((r) => r.value), dy: rows.map((r) => r.std), colour: style.colour });
  layers.push({ kind: "points", x: numbers, y: rows.map((r) => r.value), ...style, size: best.n > 1000 ? 3 : best.n > 100 ? 4.5 : 7, opacity: best.n > 1000 ? 0.7 : 1 },
    { kind: "step", x: stepX, y: stepY, colour: "var(--ink)" });
  const tops = [...rows.map((r) => r.value + (best.n <= 300 ? r.std : 0)), best.best_known ?? 0, ...(known?.expected ?? [])];
  const bottoms = rows.map((r) => r.value);
  if (best.best_known !== null) {
    layers.push({ kind: "line", x: [log ? 1 : 0.5, last + 0.5], y: [best.best_known, best.best_known], colour: "var(--green)", width: 1 },
      { kind: "text", x: log ? 1 : 0.5, y: best.best_known, dx: 6, dy: 14, text: "best known liquid" });
  }
  return {
    x: { label: `result number${log ? " (logarithmic)" : ""}`, domain: log ? [1, last] : [0.5, last + 0.5], log, integer: true },
    y: { label: `conductivity / mS cm⁻¹`, domain: domainOf([...tops, ...bottoms]) },
    layers, legend,
    words: [best.words, best.why_not].filter(Boolean).join(" "),
    label: `Best so far of ${best.source} against the number of results. ${best.words}`,
    hover: { n: rows.length, x: (i) => numbers[i], y: (i) => rows[i].value, open: (i) => hashOf(rows[i]),
      text: (i) => [`result ${i + 1}`, ...resultLines(rows[i])] },
    rows: () => [["Result", "Liquid", { title: `Value / ${UNIT}`, right: true }, { title: "Best so far", right: true }],
      runningRows(rows)],
  };
}

function runningRows(rows) {
  let best = -Infinity;
  return rows.map((r, k) => { best = Math.max(best, r.value); return [String(k + 1), r.text, pm(r.value, r.std), num(best)]; });
}

/** Predicted before, against what was reported; all sources. */
function parityPlot(view) {
  const groups = view.calibration.map((c) => [c, c.rows.map((k) => view.results[k])]);
  const rows = groups.flatMap(([, those]) => those);
  if (!rows.length) return { empty: noPairs(view) };
  const isMany = rows.length > 400, far = isMany ? 3 : 2;
  const layers = [], legend = [];
  const domain = domainOf(rows.flatMap((r) => isMany ? [r.mean, r.value] : [r.mean - r.pstd, r.mean + r.pstd, r.value + r.std, r.value]).map((v) => Math.max(0, v)));
  layers.push({ kind: "line", x: domain, y: domain, colour: "var(--grey)", dash: "6 4", width: 1.4 });
  legend.push({ line: true, dash: "6 4", colour: "var(--grey)", label: "agreement" });
  for (const [calibration, those] of groups) {
    const style = sourceStyle(calibration.source);
    const x = those.map((r) => r.mean), y = those.map((r) => r.value);
    layers.push({ kind: "errors", x, y, dx: those.map((r) => r.pstd), dy: those.map((r) => r.std), colour: style.colour, opacity: isMany ? 0.1 : 0.45 },
      { kind: "points", x, y, ...style, size: isMany ? 3.4 : 7 });
    legend.push({ ...style, label: `${calibration.source}, bars: ±1 standard deviation` });
    const off = calibration.deviations.map((d, k) => [Math.abs(d), k]).filter(([d]) => d > far).map(([, k]) => k);
    if (off.length) layers.push({ kind: "points", x: off.map((k) => x[k]), y: off.map((k) => y[k]), shape: "ring", colour: "var(--ink)", size: isMany ? 7 : 12 });
  }
  if (layers.some((one) => one.shape === "ring")) legend.push({ shape: "ring", colour: "var(--ink)", label: `more than ${far} standard deviations off` });
  return {
    isSquare: true,
    x: { label: "predicted before it was measured / mS cm⁻¹", domain }, y: { label: "reported / mS cm⁻¹", domain },
    layers, legend,
    words: view.calibration.map((c) => c.words).join(" "),
    label: `Predicted against reported conductivity. ${view.calibration.map((c) => c.words).join(" ")}`,
    hover: { n: rows.length, x: (i) => rows[i].mean, y: (i) => rows[i].value, open: (i) => hashOf(rows[i]), text: (i) => resultLines(rows[i]) },
    rows: () => [["Liquid", { title: `Predicted / ${UNIT}`, right: true }, { title: `Reported / ${UNIT}`, right: true }, { title: "Off by / s.d.", right: true }, "Source"],
      groups.flatMap(([c, those]) => those.map((r, k) => [r.text, pm(r.mean, r.pstd), pm(r.value, r.std), num(c.deviations[k], 2), r.source]))],
  };
}

const noPairs = (view) => (view.results.length
  ? "No result has a prediction from before it was measured, so that there is nothing to compare."
  : "No result has come back yet, so that there is nothing to compare.");

/** How many results the predicted intervals held. */
function coveragePlot(view) {
  const told = view.calibration.filter((c) => c.coverage.length);
  if (!told.length) return { empty: view.calibration[0]?.why_not ?? noPairs(view) };
  const layers = [{ kind: "line", x: [0, 100], y: [0, 100], colour: "var(--grey)", dash: "6 4", width: 1.4 },
    { kind: "text", x: 3, y: 95, text: "intervals too wide" }, { kind: "text", x: 97, y: 3, anchor: "end", text: "intervals too narrow" }];
  const legend = [{ line: true, dash: "6 4", colour: "var(--grey)", label: "as it should be" }];
  told.forEach((c, number) => {
    const style = sourceStyle(c.source), shift = (number - (told.length - 1) / 2) * 1.2;
    const x = c.coverage.map((one) => 100 * one.nominal + shift), y = c.coverage.map((one) => 100 * one.observed);
    const middle = c.coverage.map((one) => 50 * (one.low + one.high)), half = c.coverage.map((one) => 50 * (one.high - one.low));
    layers.push({ kind: "errors", x, y: middle, dy: half, colour: style.colour, opacity: 0.7, width: 1.4 },
      { kind: "line", x, y, colour: style.colour, width: 1.2, opacity: 0.6 }, { kind: "points", x, y, ...style, size: 7 });
    legend.push({ ...style, label: `${c.source} (${some(c.n, "result")}), bars: 95 % interval of the share` });
  });
  const axis = { domain: [0, 100], ticks: [0, 20, 40, 60, 80, 100] };
  return {
    isSquare: true,
    x: { ...axis, label: "interval's nominal probability / %" }, y: { ...axis, label: "results inside it / %" }, layers, legend,
    words: "Of all results, how many lay inside the interval that was predicted for them. On the dashed line the stated uncertainties are right; below it they are too small, above it too large.",
    label: `Coverage of predicted intervals. ${told.map((c) => c.words).join(" ")}`,
    rows: () => [["Source", { title: "Nominal", right: true }, { title: "Inside", right: true }, { title: "95 % interval", right: true }],
      told.flatMap((c) => c.coverage.map((one) => [c.source, percent(one.nominal), percent(one.observed), `${percent(one.low)} to ${percent(one.high)}`]))],
  };
}

/** Deviations in the order of arrival: do predictions get better? */
function deviationPlot(view) {
  const rows = view.calibration.flatMap((c) => c.rows.map((k, i) => ({ at: k, z: c.deviations[i], result: view.results[k], source: c.source })));
  if (rows.length < 2) return { empty: view.calibration.length ? "One result is compared so far; an order needs two." : noPairs(view) };
  rows.sort((a, b) => a.at - b.at);
  const most = Math.max(3, Math.min(8, Math.max(...rows.map((r) => Math.abs(r.z))) * 1.05));
  const last = view.results.length;
  const layers = [{ kind: "band", x: [0, last + 1], low: [-2, -2], high: [2, 2], colour: "var(--grey)", opacity: 0.12 },
    { kind: "band", x: [0, last + 1], low: [-1, -1], high: [1, 1], colour: "var(--grey)", opacity: 0.16 },
    { kind: "line", x: [0, last + 1], y: [0, 0], colour: "var(--grey)", width: 1 }];
  const legend = [{ box: true, colour: "var(--grey)", opacity: 0.35, label: "±1 s.d., should hold 68 %" }, { box: true, colour: "var(--grey)", opacity: 0.16, label: "±2 s.d., should hold 95 %" }];
  for (const c of view.calibration) {
    const mine = rows.filter((r) => r.source === c.source), style = sourceStyle(c.source);
    layers.push({ kind: "points", x: mine.map((r) => r.at + 1), y: mine.map((r) => Math.max(-most, Math.min(most, r.z))), ...style, size: mine.length > 400 ? 3 : 6 });
    legend.push({ ...style, label: c.source });
  }
  const beyond = rows.filter((r) => Math.abs(r.z) > most).length;
  const outside = rows.filter((r) => Math.abs(r.z) > 2).length;
  return {
    x: { label: "result number", domain: [0.5, last + 0.5], integer: true }, y: { label: "off by / s.d.", domain: [-most, most] },
    layers, legend,
    words: `How far each result lay above (+) or below (−) its prediction, in standard deviations of both together: ${outside} of ${count(rows.length)} lie beyond two.`
      + (beyond ? ` ${some(beyond, "point")} beyond ${num(most, 2)} ${beyond === 1 ? "is" : "are"} drawn at the edge.` : ""),
    label: `Deviations from the predictions in order of arrival: ${outside} of ${rows.length} lie beyond two standard deviations.`,
    hover: { n: rows.length, x: (i) => rows[i].at + 1, y: (i) => Math.max(-most, Math.min(most, rows[i].z)), open: (i) => hashOf(rows[i].result),
      text: (i) => [`${num(rows[i].z, 2)} standard deviations`, ...resultLines(rows[i].result)] },
    rows: () => [["Result", "Liquid", { title: "Off by / s.d.", right: true }], rows.map((r) => [String(r.at + 1), r.result.text, num(r.z, 2)])],
  };
}

/** The training set's conductivities before the campaign and now. */
function tailPlot({ tail }) {
  if (tail.why_not) return { empty: tail.why_not };
  const now = tail.before.map((n, k) => n + tail.added[k]);
  const floor = 0.7, top = Math.max(...now) * 1.6;
  const x = [], y = [];
  now.forEach((n, k) => { x.push(tail.edges[k], tail.edges[k + 1]); y.push(Math.max(n, floor), Math.max(n, floor)); });
  const layers = [{ kind: "bars", edges: tail.edges, values: tail.before, base: floor, colour: "var(--fill)" },
    { kind: "line", x, y, colour: "var(--red)", width: 2 }];
  if (tail.edge_90 !== null) {
    layers.push({ kind: "line", x: [tail.edge_90, tail.edge_90], y: [floor, top], colour: "var(--ink)", dash: "3 3", width: 1.2 },
      { kind: "text", x: tail.edge_90, y: top, dx: 6, dy: 12, text: "the best tenth →" });
  }
  return {
    x: { label: "conductivity / mS cm⁻¹", domain: [tail.edges[0], tail.edges.at(-1)] },
    y: { label: "number of values (log.)", domain: [floor, top], log: true },
    layers,
    legend: [{ box: true, colour: "var(--fill)", label: `before the campaign: ${some(tail.n_before, "value")}` },
      { line: true, colour: "var(--red)", label: `now: ${some(tail.n_before + tail.n_added, "value")}` }],
    words: tail.words,
    label: `Histogram of the training set's conductivities. ${tail.words}`,
    rows: () => [[{ title: `From / ${UNIT}`, right: true }, { title: "to", right: true }, { title: "Before", right: true }, { title: "Added", right: true }],
      tail.before.map((n, k) => [num(tail.edges[k], 4), num(tail.edges[k + 1], 4), count(n), count(tail.added[k])])],
  };
}

/** A plot of a job. */
const CURVES = [["var(--blue)", ""], ["var(--red)", "7 3"], ["var(--green)", "2 2"], ["var(--pink)", "9 3 2 3"], ["var(--orange)", "4 2"],
  ["var(--ink)", "1 3"], ["var(--grey)", "10 4"], ["var(--sky)", "5 5"]];

function jobPlot(plot) {
  const series = plot.series.filter((s) => s.x.length);
  if (!series.length) return { empty: "The job's table holds nothing that can be drawn." };
  const layers = [], legend = [];
  const xs = series.flatMap((s) => s.x), ys = series.flatMap((s) => s.y).filter((v) => !plot.is_log_y || v > 0);
  series.forEach((s, k) => {
    const [colour, dash] = CURVES[k % CURVES.length];
    const shape = ["circle", "diamond", "triangle", "square"][k % 4];
    if (s.error && !s.is_points) layers.push({ kind: "band", x: s.x, low: s.y.map((v, i) => v - (s.error[i] ?? 0)), high: s.y.map((v, i) => v + (s.error[i] ?? 0)), colour });
    if (s.error && s.is_points) layers.push({ kind: "errors", x: s.x, y: s.y, dy: s.error, colour });
    if (s.fitted) {
      const inside = s.x.map((x, i) => [x, s.y[i]]).filter(([x]) => x >= s.fitted[0] && x <= s.fitted[1]);
      layers.push({ kind: "line", x: inside.map((p) => p[0]), y: inside.map((p) => p[1]), colour, width: 6, opacity: 0.3 });
    }
    layers.push(s.is_points ? { kind: "points", x: s.x, y: s.y, shape, colour, size: 8 } : { kind: "line", x: s.x, y: s.y, colour, dash });
    legend.push(s.is_points ? { shape, colour, label: s.label } : { line: true, colour, dash, label: s.label });
  });
  const log = (values) => { const good = values.filter((v) => v > 0); return [Math.min(...good), Math.max(...good)]; };
  const xDomain = plot.is_log_x ? log(xs) : [Math.min(...xs), Math.max(...xs)];
  let yDomain = plot.is_log_y ? log(ys) : domainOf(ys, { zero: plot.name !== "density" });
  if (plot.is_log_y) yDomain = [yDomain[0] / 1.3, yDomain[1] * 1.3];
  if (plot.name === "conductivity") yDomain = robust(ys);
  if (plot.name === "coordination") yDomain = [0, Math.min(8, domainOf(ys)[1])];
  if (plot.name === "msd") {
    const end = xDomain[1], start = end / 10, height = (series[0].y.at(-1) ?? 1) / 4;
    layers.push({ kind: "line", x: [start, end], y: [height / 10, height], colour: "var(--grey)", width: 1 },
      { kind: "text", x: end, y: height, anchor: "end", dx: -6, dy: 16, text: "∝ t" });
    yDomain[0] = Math.max(yDomain[0], yDomain[1] / 1e5);
  }
  return {
    x: { label: plot.x_label, domain: xDomain, log: plot.is_log_x }, y: { label: plot.y_label, domain: yDomain, log: plot.is_log_y },
    layers, legend, words: plot.words, label: `${plot.title}. ${plot.words} Curves: ${series.map((s) => s.label).join(", ")}.`,
    rows: () => [["Curve", { title: plot.x_label, right: true }, { title: plot.y_label, right: true }],
      series.flatMap((s) => s.x.map((x, k) => [s.label, num(x, 4), num(s.y[k], 4)]))],
  };
}

/** A range that holds nearly all values: the noise at the longest lags would flatten the rest. */
function robust(values) {
  const sorted = [...values].sort((a, b) => a - b), at = (q) => sorted[Math.floor(q * (sorted.length - 1))];
  return domainOf([0, at(0.04), at(0.96) * 1.15]);
}
