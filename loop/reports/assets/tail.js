// The training set's long tail.

/** The training set's conductivities before the campaign and now. */
function tailPlot({ tail }) {
  if (tail.why_not) return { empty: tail.why_not };
  const now = tail.before.map((n, k) => n + tail.added[k]);
  const floor = 0.7,
    top = Math.max(...now) * 1.6;
  const x = [],
    y = [];
  now.forEach((n, k) => {
    x.push(tail.edges[k], tail.edges[k + 1]);
    y.push(Math.max(n, floor), Math.max(n, floor));
  });
  const layers = [
    { kind: "bars", edges: tail.edges, values: tail.before, base: floor, colour: "var(--fill)" },
    { kind: "line", x, y, colour: "var(--red)", width: 2 },
  ];
  if (tail.edge_90 !== null) {
    layers.push(
      { kind: "line", x: [tail.edge_90, tail.edge_90], y: [floor, top], colour: "var(--ink)", dash: "3 3", width: 1.2 },
      { kind: "text", x: tail.edge_90, y: top, dx: 6, dy: 12, text: "the best tenth →" },
    );
  }
  return {
    x: { label: "conductivity / mS cm⁻¹", domain: [tail.edges[0], tail.edges.at(-1)] },
    y: { label: "number of values (log.)", domain: [floor, top], log: true },
    layers,
    legend: [
      { box: true, colour: "var(--fill)", label: `before the campaign: ${some(tail.n_before, "value")}` },
      { line: true, colour: "var(--red)", label: `now: ${some(tail.n_before + tail.n_added, "value")}` },
    ],
    words: tail.words,
    label: `Histogram of the training set's conductivities. ${tail.words}`,
    rows: () => [
      [
        { title: `From / ${UNIT}`, right: true },
        { title: "to", right: true },
        { title: "Before", right: true },
        { title: "Added", right: true },
      ],
      tail.before.map((n, k) => [num(tail.edges[k], 4), num(tail.edges[k + 1], 4), count(n), count(tail.added[k])]),
    ],
  };
}
