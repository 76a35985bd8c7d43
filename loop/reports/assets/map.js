// The map of the formulations: where the campaign has looked, among what it may propose.

/** Blue to yellow in even steps of lightness (after cividis), told apart without colour vision. */
const STEPS = [0, 1, 2, 3, 4, 5, 6].map((step) => `var(--step-${step})`);

/** What an axis may show: the two components, then salt in all, each species, the temperature. */
function mapAxes(view) {
  const names = view.species.map((name, k) => ({
    label: view.is_salt[k] ? `${name} / mol kg⁻¹ of solvent` : `${name} / mole fraction of the solvents`,
    of: (p) => amountOf(p.c, k),
    name,
  }));
  const salt = {
    label: "salt in all / mol kg⁻¹ of solvent",
    name: "salt in all",
    of: (p) => view.is_salt.reduce((sum, is, k) => sum + (is ? amountOf(p.c, k) : 0), 0),
  };
  const warm = { label: "temperature / K", name: "temperature", of: (p) => p.t };
  const components = view.map.axes.map((axis) => ({
    label: `${axis.label} (${percent(axis.share)})${axis.words ? `: ${axis.words}` : ""}`,
    name: axis.label,
    of: (p) => {
      let x = axis.offset + axis.per_kelvin * p.t;
      for (let k = 0; k < p.c.length; k += 2) x += (axis.weights[p.c[k]] ?? 0) * p.c[k + 1];
      return x;
    },
  }));
  return [...components, salt, ...names, warm];
}

function amountOf(composition, position) {
  for (let k = 0; k < composition.length; k += 2) if (composition[k] === position) return composition[k + 1];
  return 0;
}

/** Everything the campaign has to do with, as points: candidates, and results that nobody asked for. */
function mapPoints(view) {
  const points = view.candidates.map((one) => {
    const results = one.results.map((k) => view.results[k]).filter((r) => r.counts);
    const best = results.reduce((a, b) => (a && a.value >= b.value ? a : b), null);
    // A lab may have made another liquid than it was asked for: its value lies where that liquid does.
    const shown = best ?? one;
    return {
      c: shown.composition,
      t: shown.temperature_K,
      v: best?.value ?? null,
      text: shown.text,
      hash: `#c/${one.id}`,
      state: best
        ? "measured"
        : ["failed", "rejected", "abandoned", "lost"].includes(one.status)
          ? "none"
          : "open",
      batch: one.batch,
      status: one.status,
    };
  });
  for (const r of view.results) {
    if (!r.candidate && r.counts)
      points.push({
        c: r.composition,
        t: r.temperature_K,
        v: r.value,
        text: r.text,
        hash: `#r/${r.id}`,
        state: "unasked",
        batch: null,
      });
  }
  return points;
}

function mapFigure(state) {
  const choice = { x: 0, y: 1 };
  const pick = (which, words) =>
    el(
      "label",
      null,
      words,
      " ",
      el("select", {
        onchange: (event) => {
          choice[which] = Number(event.target.value);
          one.refresh();
        },
      }),
    );
  const tools = el("div", { class: "tools" }, pick("x", "Across:"), pick("y", "Up:"));
  const selects = tools.querySelectorAll("select");
  const make = () => {
    const { view } = state;
    tools.hidden = Boolean(view.map.why_not);
    if (view.map.why_not) return { empty: view.map.why_not };
    const axes = mapAxes(view);
    [
      ["x", selects[0]],
      ["y", selects[1]],
    ].forEach(([which, select]) => {
      if (select.options.length !== axes.length)
        put(
          select,
          axes.map((a, k) => el("option", { value: k }, a.name)),
        );
      select.value = choice[which];
    });
    return mapPlot(view, axes[choice.x], axes[choice.y]);
  };
  const one = figure({ id: "map-figure", title: "Map of the formulations", height: 460, tools, make });
  return one;
}

function mapPlot(view, across, up) {
  const points = mapPoints(view);
  const place = (those) => ({ x: those.map(across.of), y: those.map(up.of) });
  const space = place(view.map.space),
    known = place(view.map.known),
    mine = place(points);
  const measured = points.map((p, k) => k).filter((k) => points[k].v !== null);
  const values = measured.map((k) => points[k].v);
  const range = domainOf(values, { zero: false, pad: 0 });
  const isMany = points.length > 1500,
    size = isMany ? 4 : 9;
  const layers = [{ kind: "points", ...space, shape: "circle", colour: "var(--cloud)", size: 3 }];
  const legend = [{ shape: "circle", colour: "var(--cloud)", label: "may be proposed (random draw)" }];
  if (view.map.known.length) {
    layers.push({ kind: "points", ...known, shape: "ring", colour: "var(--grey)", size: 6 });
    legend.push({ shape: "ring", colour: "var(--grey)", label: "liquids of the data sets" });
  }
  const at = (those) => ({ x: those.map((k) => mine.x[k]), y: those.map((k) => mine.y[k]) });
  const of = (state) => points.map((_, k) => k).filter((k) => points[k].state === state);
  for (const [state, shape] of [
    ["measured", "circle"],
    ["unasked", "diamond"],
  ]) {
    STEPS.forEach((colour, step) => {
      const those = of(state).filter((k) => stepOf(points[k].v, range) === step);
      if (those.length)
        layers.push({ kind: "points", ...at(those), shape, colour, size, halo: shape === "circle" && !isMany });
    });
  }
  if (of("measured").length)
    legend.push({ ramp: STEPS, label: `measured or simulated, ${num(range[0])} to ${num(range[1])} ${UNIT}` });
  if (of("unasked").length) legend.push({ shape: "diamond", colour: STEPS[3], label: "result that nobody asked for" });
  for (const [state, shape, colour, label] of [
    ["open", "ring", "var(--red)", "proposed, no result yet"],
    ["none", "cross", "var(--red)", "failed or rejected"],
  ]) {
    const those = of(state);
    if (!those.length) continue;
    layers.push({ kind: "points", ...at(those), shape, colour, size: size - 1 });
    legend.push({ shape, colour, label });
  }
  const said = points.length
    ? `The campaign has looked at ${some(points.length, "liquid")}; ${count(measured.length)} of them have a value.`
    : "The campaign has not proposed a liquid yet.";
  const all = (key) => domainOf([...space[key], ...known[key], ...mine[key]], { zero: false });
  return {
    x: { label: across.label, domain: all("x") },
    y: { label: up.label, domain: all("y") },
    layers,
    legend,
    words: [
      said,
      " ",
      view.map.words,
      " ",
      across.label.includes(":") && `Across: ${across.label}. `,
      up.label.includes(":") && `Up: ${up.label}.`,
    ]
      .filter(Boolean)
      .join(""),
    label: `Map of the formulations. ${said}`,
    hover: {
      n: points.length,
      x: (i) => mine.x[i],
      y: (i) => mine.y[i],
      open: (i) => points[i].hash,
      text: (i) => [
        points[i].text,
        points[i].v === null ? (STATES[points[i].status] ?? ["", points[i].status])[1] : `${num(points[i].v)} ${UNIT}`,
      ],
    },
    rows: () => [
      [
        "Liquid",
        { title: across.name, right: true },
        { title: up.name, right: true },
        { title: `Conductivity / ${UNIT}`, right: true },
      ],
      points.map((p, k) => [p.text, num(mine.x[k]), num(mine.y[k]), num(p.v)]),
    ],
  };
}

const stepOf = (v, [low, high]) =>
  Math.min(STEPS.length - 1, Math.floor(((v - low) / (high - low || 1)) * STEPS.length));

/** How often each salt and solvent were tried together, and the best that came of it. */
function pairsTable(view) {
  const salts = view.species.map((_, k) => k).filter((k) => view.is_salt[k]),
    solvents = view.species.map((_, k) => k).filter((k) => !view.is_salt[k]);
  const cells = new Map();
  for (const p of mapPoints(view)) {
    const there = p.c.filter((_, k) => k % 2 === 0);
    for (const s of there.filter((k) => view.is_salt[k]))
      for (const v of there.filter((k) => !view.is_salt[k])) {
        const cell = cells.get(`${s}/${v}`) ?? { n: 0, best: null };
        cell.n += 1;
        if (p.v !== null && (cell.best === null || p.v > cell.best)) cell.best = p.v;
        cells.set(`${s}/${v}`, cell);
      }
  }
  const most = Math.max(1, ...[...cells.values()].map((c) => c.n));
  const used = (k) => [...cells.keys()].some((key) => key.split("/").map(Number).includes(k));
  const shownSalts = salts.length > 8 ? salts.filter(used) : salts;
  return table(
    "Salts and solvents that were tried together: liquids, and the best conductivity in mS/cm",
    ["Solvent", ...shownSalts.map((k) => ({ title: view.species[k], right: true }))],
    solvents.map((v) => [
      view.species[v],
      ...shownSalts.map((s) => {
        const cell = cells.get(`${s}/${v}`);
        if (!cell) return el("span", { class: "faint" }, "–");
        return el(
          "span",
          { class: "cell" },
          el("span", {
            class: "heat",
            "aria-hidden": "true",
            style: { width: `${Math.max(6, 100 * Math.sqrt(cell.n / most))}%` },
          }),
          el("span", null, count(cell.n), cell.best !== null && [" · best ", num(cell.best)]),
        );
      }),
    ]),
    { className: "pairs" },
  );
}
