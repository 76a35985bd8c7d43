// The parts of the page that are words and tables. Each is a function of the state and is called again when it changes.

function headline(state) {
  const { view } = state;
  const best = view.best[0];
  const held = view.quarantine.filter((one) => !one.decision).length;
  const tile = (title, value, words) =>
    el(
      "div",
      { class: "tile" },
      el("dt", null, title),
      el("dd", null, el("b", null, value), words && el("span", null, words)),
    );
  const top = best && view.results[best.best_result];
  return el(
    "dl",
    { class: "tiles" },
    top
      ? tile("Best so far", `${num(top.value)} ${UNIT}`, el("a", { href: hashOf(top) }, top.text))
      : tile("Best so far", "–", "no conductivity has come back yet"),
    tile(
      "Results",
      count(view.results.filter((r) => r.counts).length),
      held ? `${count(held)} more in quarantine` : `in ${some(view.rounds, "round")}`,
    ),
    tile("Candidates", count(view.candidates.length), states(view)),
    tile(
      "Asked of oracles",
      some(view.costs.calls, "call"),
      [
        view.costs.oracle_hours && duration(view.costs.oracle_hours),
        view.costs.money && `${num(view.costs.money, 4)} in money`,
      ]
        .filter(Boolean)
        .join(", ") || "nothing spent on record",
    ),
  );
}

function states(view) {
  const found = new Map();
  for (const c of view.candidates) found.set(c.status, (found.get(c.status) ?? 0) + 1);
  return (
    [...found].map(([status, n]) => `${count(n)} ${(STATES[status] ?? ["", status])[1]}`).join(", ") ||
    "none proposed yet"
  );
}

/** What waits for a person, or should be known before the rest is read. */
function notices(state, candidates) {
  const { view } = state;
  const open = view.candidates.filter((c) => c.status === "candidate").length;
  const held = view.quarantine.filter((one) => !one.decision).length;
  const failed = view.jobs.filter((one) => one.status === "failed").length;
  const link = (href, words, onclick) => el("a", { href, onclick }, words);
  const lines = [
    view.hold_reason && `Paused: ${view.hold_reason}`,
    view.is_closed && "The campaign is closed.",
    open > 0 &&
      view.approval === "manual" &&
      link("#candidates", `${some(open, "candidate")} await${open === 1 ? "s" : ""} approval`, () =>
        candidates.filter("candidate"),
      ),
    held > 0 && link("#quarantine", `${some(held, "result")} in quarantine await${held === 1 ? "s" : ""} a person`),
    failed > 0 && link("#jobs", `${some(failed, "job")} failed`),
    state.waiting?.results > 0 && `${some(state.waiting.results, "result")} on disk, not yet taken into the record.`,
    state.waiting?.problem,
    view.requests_waiting > 0 &&
      `${some(view.requests_waiting, "request")} of people ${view.requests_waiting === 1 ? "waits" : "wait"} for the running process to take them in.`,
    ...view.messages,
  ].filter(Boolean);
  return (
    lines.length > 0 &&
    el(
      "ul",
      { class: "notice", "aria-label": "What to know first" },
      lines.map((line) => el("li", null, line)),
    )
  );
}

function quarantineBody(state) {
  const { view, actions } = state;
  if (!view.quarantine.length) return el("p", null, "Nothing is in quarantine.");
  const why = { physical: "no such value can be", surprise: "the model is surprised", lab: "the lab doubts it" };
  return [
    el("p", null, "These results are kept and do not count until a person releases them."),
    el(
      "ul",
      { class: "held" },
      view.quarantine
        .slice(0, 200)
        .map((held) =>
          el(
            "li",
            null,
            held.candidate ? el("a", { href: `#c/${held.candidate}` }, held.text) : held.text,
            " ",
            el("code", null, held.id),
            el(
              "p",
              null,
              el("b", null, `${pm(held.value, held.std)} ${held.unit === "1" ? "" : held.unit}`),
              ` (${held.quantity}, ${held.source}). `,
              el("b", null, why[held.stage] ?? held.stage),
              `: ${held.reason}.`,
            ),
            held.decision ? el("p", { class: "faint" }, `Rejected: ${held.why_decided}`) : actions?.ofHeld(held),
          ),
        ),
    ),
    view.quarantine.length > 200 &&
      el("p", { class: "faint" }, `${count(view.quarantine.length - 200)} more are not shown.`),
  ];
}

function costsBody({ view }) {
  const { costs } = view;
  const budget = Object.entries(costs.budget).map(([name, value]) => `${value} ${name.replaceAll("_", " ")}`);
  return [
    el(
      "p",
      null,
      `${some(costs.calls, "oracle call")}, ${duration(costs.oracle_hours)} of oracles, ${costs.money ? `${num(costs.money, 4)} in money` : "no money on record"}. `,
      budget.length ? `The budget is ${budget.join(", ")}.` : "No budget is set.",
    ),
    costs.stop_rules.length > 0 &&
      el(
        "ul",
        null,
        costs.stop_rules.map((rule) => el("li", null, rule)),
      ),
    table(
      "What each oracle cost and brought",
      [
        "Oracle",
        { title: "Calls", right: true },
        { title: "Failed", right: true },
        { title: "Hours", right: true },
        { title: "Money", right: true },
        { title: "Raised the best by / mS cm⁻¹", right: true },
        { title: "Uncertainty taken away", right: true },
      ],
      costs.oracles.map((one) => [
        one.oracle,
        count(one.calls),
        count(one.failures),
        num(one.hours),
        num(one.money, 4),
        one.calls && one.raised_best_mS_cm !== null ? num(one.raised_best_mS_cm) : "–",
        one.lowered_uncertainty === null ? "–" : percent(one.lowered_uncertainty),
      ]),
    ),
    costs.by_batch.length > 0 &&
      el(
        "details",
        null,
        el("summary", null, `By batch (${count(costs.by_batch.length)})`),
        pagedRows(
          "Batches, the newest first",
          [
            { title: "Batch", right: true },
            { title: "Screened", right: true },
            { title: "Candidates", right: true },
            { title: "Results", right: true },
            { title: "Oracle time", right: true },
            "Notes",
          ],
          [...costs.by_batch].reverse(),
          (one) => [
            String(one.batch),
            count(one.screened),
            count(one.candidates),
            count(one.results),
            duration(one.hours),
            one.notes.length
              ? el(
                  "details",
                  null,
                  el("summary", null, some(one.notes.length, "note")),
                  el(
                    "ul",
                    null,
                    one.notes.map((note) => el("li", null, note)),
                  ),
                )
              : "–",
          ],
        ),
      ),
  ];
}

/** Which species the training set is short of, and what the campaign added. */
function speciesTable({ view }) {
  const most = Math.max(1, ...view.tail.species.map(([, before, added]) => before + added));
  const bar = (n, className) =>
    el("span", {
      class: `bar ${className}`,
      "aria-hidden": "true",
      style: { width: `${(100 * Math.log1p(n)) / Math.log1p(most)}%` },
    });
  return table(
    "Training values that hold each species, the rarest first (bars: logarithmic)",
    ["Species", { title: "Before", right: true }, { title: "Added", right: true }, "Before and now"],
    view.tail.species.map(([name, before, added]) => [
      name,
      count(before),
      count(added),
      el("span", { class: "bars" }, bar(before + added, "now"), bar(before, "before")),
    ]),
    { className: "species" },
  );
}
