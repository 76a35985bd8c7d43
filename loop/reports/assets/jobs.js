// Jobs: running ones with their progress, failed ones with their logs, finished ones.

function jobsBody(state) {
  const { view } = state;
  if (!view.jobs.length) {
    return el(
      "p",
      null,
      view.candidates.some((c) => c.assigned_to === "lab")
        ? "No job: a lab answers for the candidates so far."
        : "No job has been started yet.",
    );
  }
  const of = (...those) => view.jobs.filter((job) => those.includes(job.status));
  const running = of("submitted", "intended"),
    failed = of("failed", "lost"),
    ended = of("finished");
  const part = (title, jobs, none) => [
    el("h3", null, `${title} (${count(jobs.length)})`),
    jobs.length
      ? el(
          "ul",
          { class: "jobs" },
          jobs.slice(0, 50).map((job) => jobLine(state, job)),
        )
      : el("p", { class: "faint" }, none),
    jobs.length > 50 && el("p", { class: "faint" }, `The latest 50; the others stand in their candidates' stories.`),
  ];
  return [
    part("Running", running, "No job is running."),
    part("Failed or lost", failed, "No job has failed."),
    el(
      "details",
      null,
      el(
        "summary",
        null,
        `Finished (${count(ended.length)}), ${duration(ended.reduce((sum, job) => sum + job.hours, 0))} in all`,
      ),
      pagedRows("Finished jobs", ["Liquid", "Job", "Oracle", { title: "Time", right: true }], ended, (job) => [
        el("a", { href: `#c/${job.candidate}` }, job.text),
        el("code", null, job.key),
        job.oracle,
        duration(job.hours),
      ]),
    ),
  ];
}

function jobLine(state, job) {
  const log = el("div");
  const details = el(
    "details",
    {
      "data-key": `log-${job.key}`,
      ontoggle: async () => {
        if (!details.open || log.firstChild) return;
        put(log, el("p", { class: "faint" }, "Reading …"));
        try {
          const story = await state.story(job.candidate);
          const mine = story.jobs.find((one) => one.key === job.key);
          put(
            log,
            mine?.log
              ? el("pre", { tabindex: 0, "aria-label": `Log of job ${job.key}` }, mine.log)
              : el("p", { class: "faint" }, "No log is in its folder."),
          );
        } catch (error) {
          put(log, el("p", { class: "notice" }, error.message));
        }
      },
    },
    el("summary", null, "Log"),
    log,
  );
  return el(
    "li",
    null,
    chip(job.status),
    " ",
    el("a", { href: `#c/${job.candidate}` }, job.text),
    " ",
    el("code", null, job.key),
    el(
      "div",
      { class: "faint" },
      [
        job.oracle,
        `attempt ${job.attempt}`,
        job.submitted && `started ${when(job.submitted)}`,
        job.hours > 0 && duration(job.hours),
      ]
        .filter(Boolean)
        .join(", "),
    ),
    job.reason && el("p", null, job.reason),
    (job.status === "submitted" || job.status === "intended") &&
      el(
        "p",
        null,
        job.fraction !== null &&
          el("progress", { max: 1, value: job.fraction, "aria-label": `Progress of job ${job.key}` }),
        " ",
        job.fraction !== null && percent(job.fraction),
        " ",
        job.message,
      ),
    details,
  );
}
