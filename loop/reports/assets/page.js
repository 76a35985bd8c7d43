// The page of one campaign: its parts, and what is drawn anew when something happens.

const PARTS = [
  ["overview", "Best so far"],
  ["predictions", "Predictions"],
  ["where", "Map"],
  ["candidates", "Candidates"],
  ["training", "Training set"],
  ["jobs", "Jobs"],
  ["quarantine", "Quarantine"],
  ["costs", "Costs"],
];

const MOST_SAID = 3;
const SAID_FOR_MS = 12000;

/** The page of one campaign. `state`: {view, story(id), actions or null}. */
class Page {
  constructor(app, state) {
    Object.assign(this, { app, state });
    this.spoken = el("div", { class: "spoken", role: "status", "aria-live": "polite", "aria-atomic": "false" });
    this.connection = el("span", { class: "connection", hidden: !state.actions });
    this.head = el("header", { class: "top" });
    this.tiles = el("div");
    this.notices = el("div");
    this.bests = el("div", { class: "figures" });
    this.jobs = el("div");
    this.quarantine = el("div");
    this.costs = el("div");
    this.species = el("div");
    this.pairs = el("div");
    this.foot = el("footer");
    this.candidates = candidatesTable(state);
    this.figures = [
      figure({ id: "parity", title: "Predicted against reported", make: () => parityPlot(state.view) }),
      figure({ id: "coverage", title: "Were the intervals right?", make: () => coveragePlot(state.view) }),
      figure({
        id: "deviations",
        title: "Deviations in order of arrival",
        height: 260,
        make: () => deviationPlot(state.view),
      }),
      mapFigure(state),
      figure({ id: "tail", title: "The training set's long tail", height: 320, make: () => tailPlot(state.view) }),
    ];
    this.bestFigures = new Map();
    const [parity, coverage, deviations, map, tail] = this.figures.map((one) => one.node);
    const section = (id, title, ...children) =>
      el("section", { id, "aria-labelledby": `${id}-head` }, el("h2", { id: `${id}-head` }, title), children);
    this.dialog = el("dialog", { class: "story", "aria-labelledby": "story-title", onclose: () => this.closed() });
    put(
      app,
      el("a", { class: "skip", href: "#main" }, "Skip to the content"),
      this.head,
      el(
        "nav",
        { class: "parts", "aria-label": "Parts of this page" },
        el(
          "ul",
          null,
          PARTS.map(([id, title]) => el("li", null, el("a", { href: `#${id}` }, title))),
        ),
      ),
      el(
        "main",
        { id: "main", tabindex: -1 },
        section("overview", "Best so far", this.notices, this.tiles, this.bests),
        section("predictions", "Predictions", el("div", { class: "pair" }, parity, coverage), deviations),
        section(
          "where",
          "Where the campaign has looked",
          map,
          el("details", null, el("summary", null, "By salt and solvent, as a table"), this.pairs),
        ),
        section("candidates", "Candidates", this.candidates.node),
        section(
          "training",
          "What it added to the training set",
          tail,
          el("details", null, el("summary", null, "By species, as a table"), this.species),
        ),
        section("jobs", "Jobs", this.jobs),
        section("quarantine", "Quarantine", this.quarantine),
        section("costs", "Costs", this.costs),
      ),
      this.foot,
      this.spoken,
      this.dialog,
    );
    window.addEventListener("hashchange", () => this.follow());
    window.addEventListener("beforeprint", () => {
      this.candidates.showAll();
      document.body.classList.toggle("prints-story", this.dialog.open);
      drawAll({ forPaper: true });
    });
    window.addEventListener("afterprint", () => {
      this.candidates.showPage();
      drawAll({ forPaper: false });
    });
    this.show({ isFirst: true });
    this.follow();
  }

  /** All of it, from the state as it is now; with breaks, so that the page answers meanwhile. */
  async show({ isFirst = false } = {}) {
    const drawn = isFirst ? [] : [...this.figures, this.candidates].map((one) => () => one.refresh());
    for (const part of [() => this.showTop(), ...drawn, () => this.showTables(), () => this.showEnd()]) {
      const focused = document.activeElement?.dataset?.key;
      part();
      if (focused && document.activeElement?.dataset?.key !== focused)
        document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
      await new Promise((go) => setTimeout(go));
    }
  }

  showTop() {
    const { state } = this,
      { view } = state;
    document.title = `${view.name} · saltloop`;
    put(
      this.head,
      el(
        "div",
        null,
        el("p", { class: "brand" }, state.actions ? "saltloop, live " : "saltloop, report ", this.connection),
        el("h1", null, view.name),
        el(
          "p",
          { class: "lead" },
          el("strong", null, view.state),
          `. Started ${when(view.started)}, last event ${when(view.last_event)}.`,
        ),
      ),
      state.actions &&
        el(
          "div",
          { class: "steer" },
          el("label", { for: "person" }, "Your name"),
          state.actions.person,
          state.actions.ofCampaign(view),
        ),
    );
    this.showNotices();
    put(this.tiles, headline(state));
    this.showBests(view);
  }

  showNotices() {
    put(this.notices, notices(this.state, this.candidates));
  }

  showTables() {
    put(this.pairs, pairsTable(this.state.view));
    put(this.species, speciesTable(this.state));
  }

  showEnd() {
    const { state } = this,
      { view } = state;
    const open = [...this.jobs.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key);
    put(this.jobs, jobsBody(state));
    for (const key of open) this.jobs.querySelector(`[data-key="${CSS.escape(key)}"]`)?.setAttribute("open", "");
    put(this.quarantine, quarantineBody(state));
    put(this.costs, costsBody(state));
    put(
      this.foot,
      el(
        "p",
        null,
        `${some(view.n_events, "event")} on record. Intervals are ±1 standard deviation unless said otherwise; predictions are those recorded before each measurement. Nothing on this page is loaded from elsewhere.`,
      ),
    );
  }

  showBests(view) {
    const there = view.best.length ? view.best.map((one) => one.source) : [""];
    if (!this.bestFigures.size || there.join("\n") !== [...this.bestFigures.keys()].join("\n")) {
      this.bestFigures = new Map(
        there.map((source, k) => [
          source,
          figure({
            id: `best-${k}`,
            height: 340,
            title: source ? `Best so far against random draws: ${source}` : "Best so far against random draws",
            make: () =>
              bestPlot(
                this.state.view.best.find((one) => one.source === source),
                this.state.view.results,
              ),
          }),
        ]),
      );
      put(
        this.bests,
        [...this.bestFigures.values()].map((one) => one.node),
      );
    } else for (const one of this.bestFigures.values()) one.refresh();
  }

  /** Open what the address names. */
  async follow() {
    const [, kind, id] = /^#([cr])\/(.+)$/.exec(location.hash) ?? [];
    if (!kind) {
      if (this.dialog.open) this.dialog.close();
      return;
    }
    const { view } = this.state;
    const unasked = kind === "r" && view.results.find((r) => r.id === id);
    const known = unasked || view.candidates.find((c) => c.id === id);
    this.asked = id;
    this.opener ??= document.activeElement;
    const title = el("h2", { id: "story-title", tabindex: -1 }, known ? known.text : `There is no candidate ${id}`);
    const body = el(
      "div",
      { class: "body" },
      known && !unasked
        ? el("p", { class: "faint" }, "Reading …")
        : unasked
          ? unaskedBody(unasked)
          : el("p", null, "It may belong to another campaign."),
    );
    put(
      this.dialog,
      el(
        "div",
        { class: "bar-top" },
        title,
        el("button", { type: "button", class: "close", onclick: () => this.dialog.close() }, "Close"),
      ),
      body,
      this.spoken, // what is outside an open dialog is not read out
    );
    if (!this.dialog.open) this.dialog.showModal();
    title.focus();
    if (known && !unasked) await this.tellStory(body, id);
  }

  async tellStory(body, id) {
    try {
      const story = await this.state.story(id);
      if (this.asked === id) put(body, storyBody(story, this.state.actions?.ofCandidate(story)));
    } catch (error) {
      put(body, el("p", { class: "notice" }, error.message));
    }
  }

  closed() {
    this.asked = null;
    this.dialog.before(this.spoken);
    if (/^#[cr]\//.test(location.hash)) history.replaceState(null, "", location.pathname + location.search);
    const key = this.opener?.dataset?.key;
    (this.opener?.isConnected
      ? this.opener
      : key && document.querySelector(`[data-key="${CSS.escape(key)}"]`)
    )?.focus?.();
    this.opener = null;
  }

  /** An open story, told again if something has happened to its candidate. */
  retell(before) {
    const body = this.dialog.open && this.dialog.querySelector(".body");
    const now = body && JSON.stringify(this.rowOf(this.asked));
    if (now && now !== JSON.stringify(before)) this.tellStory(body, this.asked);
  }

  /** What the table knows of a candidate. */
  rowOf(id) {
    return this.state.view.candidates.find((one) => one.id === id);
  }

  /** Say what has happened, for a while, beside what was said just before. */
  say(text) {
    const said = el("p", null, text);
    this.spoken.append(said);
    while (this.spoken.childElementCount > MOST_SAID) this.spoken.firstChild.remove();
    setTimeout(() => said.remove(), SAID_FOR_MS);
  }
}
