// Put the page together: from the data inside it (a report), or from the server that it came from (live).

const PROGRESS_EVERY_MS = 15000;

/** Text that was packed with gzip and base64. */
async function unpack(text) {
  const plain = atob(text.trim()),
    bytes = new Uint8Array(plain.length);
  for (let k = 0; k < plain.length; k++) bytes[k] = plain.charCodeAt(k);
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
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
    put(
      app,
      tokenForm(
        server,
        error.status === 401 ? server.token && "That is not the token of this campaign." : error.message,
        () => startLive(app, server),
      ),
    );
    return;
  }
  const state = { view, story: (id) => server.story(id), arrived: new Set() };
  let page = null;
  state.actions = new Actions(
    server,
    (text) => page.say(text),
    () => soon(),
  );
  page = new Page(app, state);

  const refresh = async () => {
    const before = state.view,
      open = page.rowOf(page.asked);
    const fresh = await server.view();
    state.view = fresh;
    if (fresh.n_events === before.n_events) {
      page.showNotices();
      page.showEnd();
      return;
    }
    const there = new Set(before.results.map((r) => r.id));
    const came = fresh.results.filter((r) => !there.has(r.id));
    state.arrived = new Set(came.map((r) => r.candidate || r.id));
    await page.show();
    page.retell(open);
    if (came.length)
      page.say(
        came.length === 1
          ? `New result: ${came[0].text}, ${pm(came[0].value, came[0].std)} ${UNIT}`
          : `${count(came.length)} new results`,
      );
  };

  // Events come faster than a page of 10,000 results can be drawn: it is drawn as often as leaves the browser free.
  // One reading at a time, so that nothing is announced twice; one that fails is said here and is no fault of a decision.
  let isDue = false,
    isBusy = false;
  const soon = async () => {
    isDue = true;
    if (isBusy) return;
    isBusy = true;
    while (isDue) {
      isDue = false;
      const start = performance.now();
      try {
        await refresh();
      } catch (error) {
        page.say(`The page could not be brought up to date: ${error.message}`);
      }
      await new Promise((go) => setTimeout(go, Math.max(300, 4 * (performance.now() - start))));
    }
    isBusy = false;
  };
  listen(server, state, page, soon);
  // How far a job is, is no event.
  setInterval(() => state.view.jobs.some((job) => job.status === "submitted") && soon(), PROGRESS_EVERY_MS);
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
        if (type === "waiting") {
          const isClaimed = JSON.stringify(data.claims) !== JSON.stringify(state.waiting?.claims);
          state.waiting = data;
          page.showNotices();
          if (isClaimed) page.candidates.refresh();
        }
        if (data.seq !== undefined && data.seq > last) {
          last = data.seq;
          soon();
        }
      }
    } catch (error) {
      if (error.status === 401) {
        location.reload();
        return;
      }
    }
    put(page.connection, "○ not connected, trying again");
    await new Promise((go) => setTimeout(go, wait));
    wait = Math.min(15000, wait * 2);
    soon();
  }
}

const app = byId("app");
if (byId("view-data")) startReport(app);
else startLive(app, new Server());
