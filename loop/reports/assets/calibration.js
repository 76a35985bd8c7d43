// Were the uncertainties right: coverage of the intervals, and deviations in the order of arrival.

/** How many results the predicted intervals held. */
function coveragePlot(view) {
  const told = view.calibration.filter((c) => c.coverage.length);
  if (!told.length) return { empty: view.calibration[0]?.why_not ?? noPairs(view) };
  const layers = [
    { kind: "line", x: [0, 100], y: [0, 100], colour: "var(--grey)", dash: "6 4", width: 1.4 },
    { kind: "text", x: 3, y: 95, text: "intervals too wide" },
    { kind: "text", x: 97, y: 3, anchor: "end", text: "intervals too narrow" },
  ];
  const legend = [{ line: true, dash: "6 4", colour: "var(--grey)", label: "as it should be" }];
  told.forEach((c, number) => {
    const style = sourceStyle(c.source),
      shift = (number - (told.length - 1) / 2) * 1.2;
    const x = c.coverage.map((one) => 100 * one.nominal + shift),
      y = c.coverage.map((one) => 100 * one.observed);
    const middle = c.coverage.map((one) => 50 * (one.low + one.high)),
      half = c.coverage.map((one) => 50 * (one.high - one.low));
    layers.push(
      { kind: "errors", x, y: middle, dy: half, colour: style.colour, opacity: 0.7, width: 1.4 },
      { kind: "line", x, y, colour: style.colour, width: 1.2, opacity: 0.6 },
      { kind: "points", x, y, ...style, size: 7 },
    );
    legend.push({ ...style, label: `${c.source} (${some(c.n, "result")}), bars: 95 % interval of the share` });
  });
  const axis = { domain: [0, 100], ticks: [0, 20, 40, 60, 80, 100] };
  return {
    isSquare: true,
    x: { ...axis, label: "interval's nominal probability / %" },
    y: { ...axis, label: "results inside it / %" },
    layers,
    legend,
    words:
      "Of all results, how many lay inside the interval that was predicted for them. On the dashed line the stated uncertainties are right; below it they are too small, above it too large.",
    label: `Coverage of predicted intervals. ${told.map((c) => c.words).join(" ")}`,
    rows: () => [
      [
        "Source",
        { title: "Nominal", right: true },
        { title: "Inside", right: true },
        { title: "95 % interval", right: true },
      ],
      told.flatMap((c) =>
        c.coverage.map((one) => [
          c.source,
          percent(one.nominal),
          percent(one.observed),
          `${percent(one.low)} to ${percent(one.high)}`,
        ]),
      ),
    ],
  };
}

/** Deviations in the order of arrival: do predictions get better? */
function deviationPlot(view) {
  const rows = view.calibration.flatMap((c) =>
    c.rows.map((k, i) => ({ at: k, z: c.deviations[i], result: view.results[k], source: c.source })),
  );
  if (rows.length < 2)
    return { empty: view.calibration.length ? "One result is compared so far; an order needs two." : noPairs(view) };
  rows.sort((a, b) => a.at - b.at);
  const most = Math.max(3, Math.min(8, Math.max(...rows.map((r) => Math.abs(r.z))) * 1.05));
  const last = view.results.length;
  const layers = [
    { kind: "band", x: [0, last + 1], low: [-2, -2], high: [2, 2], colour: "var(--grey)", opacity: 0.12 },
    { kind: "band", x: [0, last + 1], low: [-1, -1], high: [1, 1], colour: "var(--grey)", opacity: 0.16 },
    { kind: "line", x: [0, last + 1], y: [0, 0], colour: "var(--grey)", width: 1 },
  ];
  const legend = [
    { box: true, colour: "var(--grey)", opacity: 0.35, label: "±1 s.d., should hold 68 %" },
    { box: true, colour: "var(--grey)", opacity: 0.16, label: "±2 s.d., should hold 95 %" },
  ];
  for (const c of view.calibration) {
    const mine = rows.filter((r) => r.source === c.source),
      style = sourceStyle(c.source);
    layers.push({
      kind: "points",
      x: mine.map((r) => r.at + 1),
      y: mine.map((r) => Math.max(-most, Math.min(most, r.z))),
      ...style,
      size: mine.length > 400 ? 3 : 6,
    });
    legend.push({ ...style, label: c.source });
  }
  const beyond = rows.filter((r) => Math.abs(r.z) > most).length;
  const outside = rows.filter((r) => Math.abs(r.z) > 2).length;
  return {
    x: { label: "result number", domain: [0.5, last + 0.5], integer: true },
    y: { label: "off by / s.d.", domain: [-most, most] },
    layers,
    legend,
    words:
      `How far each result lay above (+) or below (−) its prediction, in standard deviations of both together: ${outside} of ${count(rows.length)} lie beyond two.` +
      (beyond
        ? ` ${some(beyond, "point")} beyond ${num(most, 2)} ${beyond === 1 ? "is" : "are"} drawn at the edge.`
        : ""),
    label: `Deviations from the predictions in order of arrival: ${outside} of ${rows.length} lie beyond two standard deviations.`,
    hover: {
      n: rows.length,
      x: (i) => rows[i].at + 1,
      y: (i) => Math.max(-most, Math.min(most, rows[i].z)),
      open: (i) => hashOf(rows[i].result),
      text: (i) => [`${num(rows[i].z, 2)} standard deviations`, ...resultLines(rows[i].result)],
    },
    rows: () => [
      ["Result", "Liquid", { title: "Off by / s.d.", right: true }],
      rows.map((r) => [String(r.at + 1), r.result.text, num(r.z, 2)]),
    ],
  };
}
