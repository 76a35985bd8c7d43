// Best so far against random draws, and predicted against reported.

/** Hash of what a result belongs to: its candidate, or itself. */
const hashOf = (result) => (result.candidate ? `#c/${result.candidate}` : `#r/${result.id}`);

function resultLines(result) {
  return [
    result.text,
    `${pm(result.value, result.std)} ${UNIT} (${result.source})`,
    result.mean !== null && `predicted ${pm(result.mean, result.pstd)} ${UNIT}`,
  ].filter(Boolean);
}

/** Best so far of one source, beside random draws. */
function bestPlot(best, results) {
  if (!best) return { empty: "No conductivity has come back yet." };
  const rows = results.filter((r) => r.counts && r.source === best.source);
  const style = sourceStyle(best.source);
  const numbers = rows.map((_, k) => k + 1);
  const log = best.n > 100;
  const last = log ? best.n : Math.max(best.n, 2);
  const measured = best.pools.find((p) => p.key === "measured"),
    known = best.pools.find((p) => p.key === "known");
  const stepX = [...best.steps.map((s) => s[0]), best.n],
    stepY = [...best.steps.map((s) => s[1]), best.steps.at(-1)[1]];
  const layers = [];
  const legend = [
    { ...style, label: `each result${best.n <= 300 ? ", ±1 standard uncertainty" : ""}` },
    { line: true, colour: "var(--ink)", label: "best so far" },
  ];
  if (measured) {
    layers.push(
      { kind: "band", x: measured.draws, low: measured.low, high: measured.high, colour: "var(--grey)" },
      { kind: "line", x: measured.draws, y: measured.expected, colour: "var(--grey)", dash: "7 4" },
    );
    legend.push({
      line: true,
      dash: "7 4",
      colour: "var(--grey)",
      label: "the same results in random order: expected best, and the middle 90 %",
    });
  }
  if (known) {
    layers.push({ kind: "line", x: known.draws, y: known.expected, colour: "var(--green)", dash: "2 3", width: 2.4 });
    legend.push({
      line: true,
      dash: "2 3",
      colour: "var(--green)",
      label: `random draws from ${count(known.n)} known liquids: expected best`,
    });
  }
  if (best.n <= 300)
    layers.push({
      kind: "errors",
      x: numbers,
      y: rows.map((r) => r.value),
      dy: rows.map((r) => r.std),
      colour: style.colour,
    });
  layers.push(
    {
      kind: "points",
      x: numbers,
      y: rows.map((r) => r.value),
      ...style,
      size: best.n > 1000 ? 3 : best.n > 100 ? 4.5 : 7,
      opacity: best.n > 1000 ? 0.7 : 1,
    },
    { kind: "step", x: stepX, y: stepY, colour: "var(--ink)" },
  );
  const tops = [
    ...rows.map((r) => r.value + (best.n <= 300 ? r.std : 0)),
    best.best_known ?? 0,
    ...(known?.expected ?? []),
  ];
  const bottoms = rows.map((r) => Math.max(0, r.value - (best.n <= 300 ? r.std : 0)));
  if (best.best_known !== null) {
    layers.push(
      {
        kind: "line",
        x: [log ? 1 : 0.5, last + 0.5],
        y: [best.best_known, best.best_known],
        colour: "var(--green)",
        width: 1,
      },
      { kind: "text", x: log ? 1 : 0.5, y: best.best_known, dx: 6, dy: 14, text: "best known liquid" },
    );
  }
  return {
    x: {
      label: `result number${log ? " (logarithmic)" : ""}`,
      domain: log ? [1, last] : [0.5, last + 0.5],
      log,
      integer: true,
    },
    y: { label: `conductivity / mS cm⁻¹`, domain: domainOf([...tops, ...bottoms]) },
    layers,
    legend,
    words: [best.words, best.why_not].filter(Boolean).join(" "),
    label: `Best so far of ${best.source} against the number of results. ${best.words}`,
    hover: {
      n: rows.length,
      x: (i) => numbers[i],
      y: (i) => rows[i].value,
      open: (i) => hashOf(rows[i]),
      text: (i) => [`result ${i + 1}`, ...resultLines(rows[i])],
    },
    rows: () => [
      ["Result", "Liquid", { title: `Value / ${UNIT}`, right: true }, { title: "Best so far", right: true }],
      runningRows(rows),
    ],
  };
}

function runningRows(rows) {
  let best = -Infinity;
  return rows.map((r, k) => {
    best = Math.max(best, r.value);
    return [String(k + 1), r.text, pm(r.value, r.std), num(best)];
  });
}

/** Predicted before, against what was reported; all sources. */
function parityPlot(view) {
  const groups = view.calibration.map((c) => [c, c.rows.map((k) => view.results[k])]);
  const rows = groups.flatMap(([, those]) => those);
  if (!rows.length) return { empty: noPairs(view) };
  const isMany = rows.length > 400,
    far = isMany ? 3 : 2;
  const layers = [],
    legend = [];
  const domain = domainOf(
    rows
      .flatMap((r) => (isMany ? [r.mean, r.value] : [r.mean - r.pstd, r.mean + r.pstd, r.value + r.std, r.value]))
      .map((v) => Math.max(0, v)),
  );
  layers.push({ kind: "line", x: domain, y: domain, colour: "var(--grey)", dash: "6 4", width: 1.4 });
  legend.push({ line: true, dash: "6 4", colour: "var(--grey)", label: "agreement" });
  for (const [calibration, those] of groups) {
    const style = sourceStyle(calibration.source);
    const x = those.map((r) => r.mean),
      y = those.map((r) => r.value);
    layers.push(
      {
        kind: "errors",
        x,
        y,
        dx: those.map((r) => r.pstd),
        dy: those.map((r) => r.std),
        colour: style.colour,
        opacity: isMany ? 0.1 : 0.45,
      },
      { kind: "points", x, y, ...style, size: isMany ? 3.4 : 7 },
    );
    legend.push({ ...style, label: `${calibration.source}, bars: ±1 standard deviation` });
    const off = calibration.deviations
      .map((d, k) => [Math.abs(d), k])
      .filter(([d]) => d > far)
      .map(([, k]) => k);
    if (off.length)
      layers.push({
        kind: "points",
        x: off.map((k) => x[k]),
        y: off.map((k) => y[k]),
        shape: "ring",
        colour: "var(--ink)",
        size: isMany ? 7 : 12,
      });
  }
  if (layers.some((one) => one.shape === "ring"))
    legend.push({ shape: "ring", colour: "var(--ink)", label: `more than ${far} standard deviations off` });
  return {
    isSquare: true,
    x: { label: "predicted before it was measured / mS cm⁻¹", domain },
    y: { label: "reported / mS cm⁻¹", domain },
    layers,
    legend,
    words: view.calibration.map((c) => c.words).join(" "),
    label: `Predicted against reported conductivity. ${view.calibration.map((c) => c.words).join(" ")}`,
    hover: {
      n: rows.length,
      x: (i) => rows[i].mean,
      y: (i) => rows[i].value,
      open: (i) => hashOf(rows[i]),
      text: (i) => resultLines(rows[i]),
    },
    rows: () => [
      [
        "Liquid",
        { title: `Predicted / ${UNIT}`, right: true },
        { title: `Reported / ${UNIT}`, right: true },
        { title: "Off by / s.d.", right: true },
        "Source",
      ],
      groups.flatMap(([c, those]) =>
        those.map((r, k) => [r.text, pm(r.mean, r.pstd), pm(r.value, r.std), num(c.deviations[k], 2), r.source]),
      ),
    ],
  };
}

const noPairs = (view) =>
  view.results.length
    ? "No result has a prediction from before it was measured, so that there is nothing to compare."
    : "No result has come back yet, so that there is nothing to compare.";
