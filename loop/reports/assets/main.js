// Put the page together: from the data inside it (a report), or from the server that it came from (live).

const PARTS = [["overview", "Best so far"], ["predictions", "Predictions"], ["where", "Map"], ["candidates", "Candidates"], ["training", "Training set"], ["jobs", "Jobs"], ["quarantine", "Quarantine"], ["costs", "Costs"]];

/** Text that was packed with gzip and base64. */
async function unpack(text) {
  const plain = atob(text.trim()), bytes = new Uint8Array(plain.length);
  for (let k = 0; k < plain.length; k++) bytes[k] = plain.charCodeAt(k);
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
}

/** The page of one campaign. `state`: {view, story(id), actions or null}. */
class Page {
  constructor(app, state) {
    Object.assign(this, { app, state });
    this.spoken = el("div", { class: "spoken", role: "status", "aria-live": "polite" });
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
      figure({ id: "deviations", title: "Deviations in order of arrival", height: 260, make: () => deviationPlot(state.view) }),
      mapFigure(state),
      figure({ id: "tail", title: "The training set's long tail", height: 320, make: () => tailPlot(state.view) }),
    ];
    this.bestFigures = new Map();
    const [parity, coverage, deviations, map, tail] = this.figures.map((one) => one.node);
    const section = (id, title, ...children) => el("section", { id, "aria-labelledby": `${id}-head` }, el("h2", { id: `${id}-head` }, title), children);
    this.dialog = el("dialog", { class: "story", "aria-labelledby": "story-title", onclose: () => this.closed() });
    put(app, el("a", { class: "skip", href: "#main" }, "Skip to the content"), this.head,
      el("nav", { class: "parts", "aria-label": "Parts of this page" }, el("ul", null, PARTS.map(([id, title]) => el("li", null, el("a", { href: `#${id}` }, title))))),
      el("main", { id: "main", tabindex: -1 },
        section("overview", "Best so far", this.notices, this.tiles, this.bests),
        section("predictions", "Predictions", el("div", { class: "pair" }, parity, coverage), deviations),
        section("where", "Where the campaign has looked", map, el("details", null, el("summary", null, "By salt and solvent, as a table"), this.pairs)),
        section("candidates", "Candidates", this.candidates.node),
        section("training", "What it added to the training set", tail, el("details", null, el("summary", null, "By species, as a table"), this.species)),
        section("jobs", "Jobs", this.jobs), section("quarantine", "Quarantine", this.quarantine), section("costs", "Costs", this.costs)),
      this.foot, this.spoken, this.dialog);
    window.addEventListener("hashchange", () => this.follow());
    window.addEventListener("beforeprint", () => { this.candidates.showAll(); document.body.classList.toggle("prints-story", this.dialog.open); drawAll(); });
    window.addEventListener("afterprint", () => this.candidates.showPage());
    this.show({ isFirst: true });
    this.follow();
  }

  /** All of it, from the state as it is now; with breaks, so that the page answers meanwhile. */
  async show({ isFirst = false } = {}) {
    const drawn = isFirst ? [] : [...this.figures, this.candidates].map((one) => () => one.refresh());
    for (const part of [() => this.showTop(), ...drawn, () => this.showTables(), () => this.showEnd()]) {
      const focused = document.activeElement?.dataset?.key;
      part();
      if (focused && document.activeElement?.dataset?.key !== focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
      await new Promise((go) => setTimeout(go));
    }
  }

  showTop() {
    const { state } = this, { view } = state;
    document.title = `${view.name} · saltloop`;
    put(this.head, el("div", null, el("p", { class: "brand" }, state.actions ? "saltloop, live " : "saltloop, report ", this.connection), el("h1", null, view.name),
      el("p", { class: "lead" }, el("strong", null, view.state), `. Started ${when(view.started)}, last event ${when(view.last_event)}.`)),
    state.actions && el("div", { class: "steer" }, el("label", { for: "person" }, "Your name"), state.actions.person, state.actions.ofCampaign(view)));
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
    const { state } = this, { view } = state;
    const open = [...this.jobs.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key);
    put(this.jobs, jobsBody(state));
    for (const key of open) this.jobs.querySelector(`[data-key="${CSS.escape(key)}"]`)?.setAttribute("open", "");
    put(this.quarantine, quarantineBody(state));
    put(this.costs, costsBody(state));
    put(this.foot, el("p", null, `${some(view.n_events, "event")} on record. Intervals are ±1 standard deviation unless said otherwise; predictions are those recorded before each measurement. Nothing on this page is loaded from elsewhere.`));
  }

  showBests(view) {
    const there = view.best.length ? view.best.map((one) => one.source) : [""];
    if (!this.bestFigures.size || there.join("\n") !== [...this.bestFigures.keys()].join("\n")) {
      this.bestFigures = new Map(there.map((source, k) => [source, figure({ id: `best-${k}`, height: 340,
        title: source ? `Best so far against random draws: ${source}` : "Best so far against random draws",
        make: () => bestPlot(this.state.view.best.find((one) => one.source === source), this.state.view.results) })]));
      put(this.bests, [...this.bestFigures.values()].map((one) => one.node));
    } else for (const one of this.bestFigures.values()) one.refresh();
  }

  /** Open what the address names. */
  async follow() {
    const [, kind, id] = /^#([cr])\/(.+)$/.exec(decodeURIComponent(location.hash)) ?? [];
    if (!kind) { if (this.dialog.open) this.dialog.close(); return; }
    const { view } = this.state;
    const unasked = kind === "r" && view.results.find((r) => r.id === id);
    const known = unasked || view.candidates.find((c) => c.id === id);
    this.asked = id;
    this.opener ??= document.activeElement;
    const title = el("h2", { id: "story-title", tabindex: -1 }, known ? known.text : `There is no candidate ${id}`);
    const body = el("div", { class: "body" }, known && !unasked ? el("p", { class: "faint" }, "Reading …") : unasked ? unaskedBody(unasked) : el("p", null, "It may belong to another campaign."));
    put(this.dialog, el("div", { class: "bar-top" }, title, el("button", { type: "button", class: "close", onclick: () => this.dialog.close() }, "Close")), body);
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
    if (/^#[cr]\//.test(location.hash)) history.replaceState(null, "", location.pathname + location.search);
    const key = this.opener?.dataset?.key;
    (this.opener?.isConnected ? this.opener : key && document.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus?.();
    this.opener = null;
  }

  /** An open story, told again after something happened to it. */
  retell() {
    const body = this.dialog.open && this.dialog.querySelector(".body");
    if (body && this.asked && this.state.view.candidates.some((c) => c.id === this.asked)) this.tellStory(body, this.asked);
  }

  say(text) {
    put(this.spoken, el("p", null, text));
    clearTimeout(this.silence);
    this.silence = setTimeout(() => put(this.spoken), 12000);
  }
}

async function startReport(app) {
  const stories = new Map();
  const view = await unpack(byId("view-data").textContent);
  const order = new Map(view.candidates.map((one, k) => [one.id, k]));
  const size = Number(byId("view-data").dataset.storiesEach);
  const story = async (id) => {
    const part = Math.floor(order.get(id) / size);
    if (!stories.has(part)) stories.set(part, unpack(byId(`stories-${part}`).textContent));
    return (await stories.get(part))[order.get(id) % size];
  };
  new Page(app, { view, story, actions: null });
}

async function startLive(app, server) {
  let view;
  try {
    if (!server.token) throw Object.assign(new Error(""), { status: 401 });
    view = await server.view();
  } catch (error) {
    put(app, tokenForm(server, error.status === 401 ? (server.token && "That is not the token of this campaign.") : error.message, () => startLive(app, server)));
    return;
  }
  const state = { view, story: (id) => server.story(id), arrived: new Set() };
  let page = null;
  state.actions = new Actions(server, (text) => page.say(text), () => refresh());
  page = new Page(app, state);

  const refresh = async () => {
    const before = new Set(state.view.results.map((r) => r.id));
    const fresh = await server.view();
    if (!fresh) return;
    state.view = fresh;
    const came = fresh.results.filter((r) => !before.has(r.id));
    state.arrived = new Set(came.map((r) => r.candidate || r.id));
    await page.show();
    page.retell();
    if (came.length) page.say(came.length === 1 ? `New result: ${came[0].text}, ${pm(came[0].value, came[0].std)} ${UNIT}` : `${count(came.length)} new results`);
  };

  // Events come faster than a page of 10,000 results can be drawn: it is drawn as often as leaves the browser free.
  let isDue = false, isBusy = false;
  const soon = async () => {
    isDue = true;
    if (isBusy) return;
    isBusy = true;
    while (isDue) {
      isDue = false;
      const start = performance.now();
      try { await refresh(); } catch (error) { page.say(`The page could not be brought up to date: ${error.message}`); }
      await new Promise((go) => setTimeout(go, Math.max(300, 4 * (performance.now() - start))));
    }
    isBusy = false;
  };
  listen(server, state, page, soon);
}

/** Follow the events for ever; a stream that breaks off is taken up again. */
async function listen(server, state, page, soon) {
  let wait = 1000;
  for (;;) {
    try {
      let last = state.view.n_events - 1;
      for await (const { type, data } of server.events(last)) {
        wait = 1000;
        put(page.connection, "● connected");
        if (type === "problem") throw new Error(data.detail);
        if (type === "waiting") { state.waiting = data; page.showNotices(); page.candidates.refresh(); }
        if (data.seq !== undefined && data.seq > last) { last = data.seq; soon(); }
      }
    } catch (error) {
      if (error.status === 401) { location.reload(); return; }
    }
    put(page.connection, "○ not connected, trying again");
    await new Promise((go) => setTimeout(go, wait));
    wait = Math.min(15000, wait * 2);
    soon();
  }
}

const app = byId("app");
if (byId("view-data")) startReport(app); else startLive(app, new Server());
