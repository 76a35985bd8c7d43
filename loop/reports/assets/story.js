// One candidate's story: why it was chosen, what was predicted, who answered, what came back, what it changed.

function storyBody(story, actions) {
  const predicted = story.predicted;
  const results = story.results.filter((r) => r.quantity === "conductivity"),
    others = story.results.filter((r) => r.quantity !== "conductivity");
  return [
    el("p", { class: "lead" }, chip(story.status), " ", el("code", null, story.id), story.reason && ` ${story.reason}`),
    actions,
    intervalFigure(story),
    el("h3", null, "Why it was chosen"),
    el("p", null, `Chosen ${story.chosen}.`),
    story.why.length > 0 &&
      el(
        "dl",
        null,
        story.why.map(([word, sentence]) => [el("dt", null, word), el("dd", null, sentence)]),
      ),
    story.nearest_known.length > 0 &&
      table(
        "The most similar liquids that were known",
        ["Liquid", { title: "mS/cm", right: true }, { title: "Distance", right: true }, "From"],
        story.nearest_known.map((k) => [k.text, num(k.conductivity_mS_cm), num(k.distance, 2), reference(k.reference)]),
      ),
    story.passed_over.length > 0 &&
      el(
        "details",
        null,
        el("summary", null, "The best of its batch that were not chosen"),
        table(
          "Not chosen",
          ["Liquid", { title: "Predicted / mS cm⁻¹", right: true }, { title: "Acquisition", right: true }],
          story.passed_over.map((one) => [one.text, pm(one.mean, one.std), num(one.acquisition)]),
        ),
      ),
    story.notes.length > 0 &&
      el(
        "details",
        null,
        el("summary", null, "Notes of the decision"),
        el(
          "ul",
          null,
          story.notes.map((note) => el("li", null, note)),
        ),
      ),
    el("h3", null, "What was predicted"),
    el("p", null, `${pm(predicted.mean, predicted.std)} ${UNIT}, before anything was measured.`),
    el("h3", null, "What came back"),
    results.length === 0 && story.quarantined.length === 0 && el("p", null, nothingYet(story)),
    results.map((r) => el("div", null, el("p", null, el("strong", null, r.words), ` ${r.id}`), reportTable(r))),
    story.quarantined.map((held) =>
      el(
        "p",
        { class: "notice" },
        "In quarantine: ",
        held.words,
        ". ",
        held.reason,
        held.decision && `. Rejected: ${held.why_decided}`,
      ),
    ),
    others.length > 0 &&
      el(
        "details",
        null,
        el("summary", null, `${some(others.length, "further quantity", "further quantities")}`),
        el(
          "ul",
          null,
          others.map((r) => el("li", null, r.words)),
        ),
      ),
    story.jobs.map(jobBody),
    el("h3", null, "What it changed"),
    story.changed.length
      ? el(
          "ul",
          null,
          story.changed.map((line) => el("li", null, line)),
        )
      : el("p", null, "Nothing is on record yet: a batch is learned from once all of it is settled."),
    el("h3", null, "What happened when"),
    el(
      "ol",
      { class: "timeline" },
      story.timeline.map((event) =>
        el(
          "li",
          null,
          el("time", { datetime: event.ts }, when(event.ts)),
          " ",
          el("b", null, event.by),
          " ",
          event.words,
        ),
      ),
    ),
  ];
}

function nothingYet(story) {
  return (
    {
      candidate: "It waits for a person's approval.",
      approved: "It waits for its oracle or the lab.",
      running: "It is being worked on.",
    }[story.status] ?? `Nothing: it is ${(STATES[story.status] ?? ["", story.status])[1]}.`
  );
}

/** A DOI as a link; anything else as it is. */
function reference(text) {
  const doi = /^(?:doi:)?(10\.\d{4,9}\/\S+)$/i.exec(text ?? "");
  return doi
    ? el("a", { href: `https://doi.org/${encodeURI(doi[1])}`, rel: "noreferrer noopener", target: "_blank" }, text)
    : text;
}

/** Prediction before, what was reported, prediction after: intervals on one axis. */
function intervalFigure(story) {
  const found = [["predicted before", story.predicted.mean, story.predicted.std, "var(--grey)", "ring"]];
  for (const r of story.results) {
    if (r.quantity === "conductivity" && r.counts && r.value !== undefined)
      found.push([`reported (${r.source})`, r.value, r.std, sourceStyle(r.source).colour, sourceStyle(r.source).shape]);
  }
  if (story.afterwards)
    found.push(["predicted afterwards", story.afterwards.mean, story.afterwards.std, "var(--ink)", "circle"]);
  const [low, high] = domainOf(
    found.flatMap(([, m, s]) => [m - 2 * s, m + 2 * s]),
    { zero: false, pad: 0.05 },
  );
  // No liquid conducts less than nothing: what of an interval lies below zero is left out.
  const axis = [found.every(([, m]) => m >= 0) ? Math.max(0, low) : low, high];
  const words = found.map(([label, m, s]) => `${label} ${pm(m, s)} ${UNIT}`).join("; ");
  return figure({
    id: "story-intervals",
    title: "Prediction and result",
    height: 90 + 34 * found.length,
    make: () => ({
      x: { label: "conductivity / mS cm⁻¹", domain: axis },
      y: { label: "", domain: [found.length - 0.4, -0.6], ticks: found.map((_, k) => k), text: (k) => found[k][0] },
      layers: found.flatMap(([, m, s, colour, shape], k) => [
        { kind: "errors", x: [m], y: [k], dx: [2 * s], colour, opacity: 0.4, width: 2 },
        { kind: "errors", x: [m], y: [k], dx: [s], colour, opacity: 0.9, width: 4 },
        { kind: "points", x: [m], y: [k], shape, colour, size: 9 },
      ]),
      words: `${words[0].toUpperCase()}${words.slice(1)}. Thick bars are one standard deviation, thin ones two.`,
      label: `Prediction and result: ${words}.`,
    }),
  }).node;
}

function reportTable(result) {
  const rows = Object.entries(result.report)
    .filter(([, value]) => value !== null && value !== "" && !(Array.isArray(value) && !value.length))
    .map(([key, value]) => [
      key.replaceAll("_", " "),
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]);
  if (result.expected)
    rows.push([
      "expected on arrival",
      `${pm(result.expected.mean, result.expected.std)} ${UNIT}; it was ${num(result.expected.deviations, 2)} standard deviations off`,
    ]);
  return (
    rows.length > 0 &&
    el(
      "details",
      null,
      el("summary", null, "As the lab reported it"),
      table("As it was reported", ["Field", "Value"], rows),
    )
  );
}

function jobBody(job) {
  return el(
    "section",
    { class: "job", "aria-label": `Job ${job.key}` },
    el("h3", null, `Job ${job.key}`),
    el(
      "p",
      null,
      chip(job.status),
      ` ${job.oracle}, attempt ${job.attempt}, ${duration(job.hours)}`,
      job.reason && `: ${job.reason}`,
    ),
    job.warnings.map((line) => el("p", { class: "notice" }, line)),
    job.plots.length === 0 &&
      el("p", { class: "faint" }, job.status === "finished" ? "Its folder holds no plots." : "It has not left a plot."),
    el(
      "div",
      { class: "pair" },
      job.plots.map((plot) =>
        plot.series.length
          ? figure({
              id: `${job.key}-${plot.name}`,
              title: plot.title,
              level: 4,
              height: 300,
              make: () => jobPlot(plot),
            }).node
          : el(
              "figure",
              null,
              el("h4", null, plot.title),
              plot.png && el("img", { alt: plot.words, src: `data:image/png;base64,${plot.png}` }),
              el("figcaption", null, plot.words),
            ),
      ),
    ),
    job.log
      ? el(
          "details",
          { open: job.status === "failed" || job.status === "submitted" },
          el("summary", null, job.log_is_cut ? "Log (its end)" : "Log"),
          el("pre", { tabindex: 0, "aria-label": `Log of job ${job.key}` }, job.log),
        )
      : el("p", { class: "faint" }, "No log is in its folder."),
  );
}

/** A result that nobody asked for: all that is known of it stands in its row. */
function unaskedBody(r) {
  return [
    el("p", { class: "lead" }, chip("unasked"), " ", el("code", null, r.id)),
    table(
      "The result",
      ["", ""],
      [
        ["Conductivity", r.limit ? `${r.limit} ${num(r.value)} ${UNIT}` : `${pm(r.value, r.std)} ${UNIT}`],
        ["Source", [r.source, r.method].filter(Boolean).join(", ")],
        ["Arrived", when(r.ts)],
        [
          "Predicted before it was known",
          r.mean === null ? "no prediction is on record" : `${pm(r.mean, r.pstd)} ${UNIT}`,
        ],
        ["Counts", r.counts ? "yes" : r.retracted ? `no, retracted: ${r.retracted}` : "no, it is a limit"],
      ],
    ),
  ];
}
