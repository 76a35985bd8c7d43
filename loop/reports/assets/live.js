// The live page: the token, the view and the events of a server, and what a person may decide. Absent in a report.

const KEEP = { token: "saltloop.token", person: "saltloop.person" };

class Server {
  constructor() {
    const given = /(?:^#|&)token=([^&]+)/.exec(location.hash);
    if (given) {
      sessionStorage.setItem(KEEP.token, decodeURIComponent(given[1]));
      history.replaceState(null, "", location.pathname + location.search);
    }
    this.etag = "";
  }

  get token() { return sessionStorage.getItem(KEEP.token) ?? ""; }

  set token(text) { sessionStorage.setItem(KEEP.token, text); }

  async ask(path, { method = "GET", body, headers = {}, signal } = {}) {
    const answer = await fetch(path, { method, signal, cache: "no-store", body: body && JSON.stringify(body),
      headers: { authorization: `Bearer ${this.token}`, ...(body && { "content-type": "application/json" }), ...headers } });
    if (answer.ok || answer.status === 304) return answer;
    const told = await answer.json().catch(() => ({}));
    const detail = typeof told.detail === "string" ? told.detail : JSON.stringify(told.detail ?? answer.statusText);
    throw Object.assign(new Error(detail), { status: answer.status });
  }

  /** The view, or null if nothing has changed since the last one. */
  async view() {
    const answer = await this.ask("/v1/view", { headers: this.etag ? { "if-none-match": this.etag } : {} });
    if (answer.status === 304) return null;
    this.etag = answer.headers.get("etag") ?? "";
    return answer.json();
  }

  async story(id) {
    return (await this.ask(`/v1/candidates/${encodeURIComponent(id)}/story`)).json();
  }

  /** Each event after `after`, until the stream ends. */
  async *events(after, signal) {
    const answer = await this.ask(`/v1/events/stream?after=${after}`, { headers: { accept: "text/event-stream" }, signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text = (text + value).replaceAll("\r\n", "\n");
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const block = text.slice(0, end).split("\n");
        text = text.slice(end + 2);
        const data = block.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
        const type = block.find((line) => line.startsWith("event:"))?.slice(6).trim() ?? "message";
        if (data) yield { type, data: JSON.parse(data) };
      }
    }
  }
}

/** 32 hexadecimal digits, so that a decision sent twice is done once. */
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What a person may decide. Each decision is one event with the person's name. */
class Actions {
  constructor(server, tell, refresh) {
    Object.assign(this, { server, tell, refresh });
    this.dialog = el("dialog", { class: "ask", "aria-labelledby": "ask-title" });
    document.body.append(this.dialog);
    this.person = el("input", { id: "person", "data-key": "person", autocomplete: "name", maxlength: 100, value: localStorage.getItem(KEEP.person) ?? "",
      onchange: () => localStorage.setItem(KEEP.person, this.person.value.trim()) });
  }

  ofCampaign(view) {
    if (view.is_closed) return null;
    return view.hold_reason
      ? this.button("Resume the campaign", "/v1/campaign/resume", { title: "Resume the campaign?", words: "Failures before it no longer count for the failure rate." })
      : this.button("Pause the campaign", "/v1/campaign/pause", { title: "Pause the campaign?", words: "Nothing new is started until somebody resumes it; jobs that run come to their end.", reason: "required" });
  }

  ofCandidate(story) {
    const at = `/v1/candidates/${encodeURIComponent(story.id)}`;
    return (story.status === "candidate" || story.status === "approved") && el("div", { class: "actions" },
      story.status === "candidate" && this.button("Approve", `${at}/approve`, { now: true, name: `Approve ${story.id}` }),
      this.button("Reject", `${at}/reject`, { title: `Reject ${story.text}?`, words: "It is never proposed again.", reason: "required", name: `Reject ${story.id}`,
        box: ["is_infeasible", "It cannot be made or measured: teach this to the model"] }));
  }

  ofHeld(held) {
    const at = `/v1/results/${encodeURIComponent(held.id)}`;
    return el("div", { class: "actions" },
      held.is_unreleasable ? el("span", { class: "faint" }, "It cannot be released: the value is not positive. ")
        : this.button("Release", `${at}/release`, { title: `Release ${held.id}?`, words: `You vouch for ${pm(held.value, held.std)} ${held.unit}; it counts from now on.`, reason: "optional", name: `Release ${held.id}` }),
      this.button("Reject", `${at}/reject`, { title: `Reject ${held.id}?`, words: "It stays on record and never counts; the liquid may be proposed again.", reason: "required", name: `Reject result ${held.id}` }));
  }

  button(words, path, { now, name, ...asked }) {
    return el("button", { type: "button", "data-key": path, "aria-label": name, onclick: async (event) => {
      const button = event.currentTarget;
      if (!this.person.value.trim()) { this.tell("Give your name first: it is recorded with the decision."); this.person.focus(); return; }
      const more = now ? {} : await this.ask(words, asked);
      if (more) await this.send(button, path, more);
    } }, words);
  }

  /** A dialog with a reason and perhaps a box to tick; null if it is dismissed. */
  ask(confirm, { title, words, reason, box }) {
    const text = el("textarea", { id: "ask-reason", rows: 3, maxlength: 2000, required: reason === "required" });
    const tick = box && el("input", { type: "checkbox", id: "ask-box" });
    return new Promise((resolve) => {
      let found = null;
      put(this.dialog, el("form", { onsubmit: (event) => {
        event.preventDefault();
        found = { ...(reason && { reason: text.value.trim() }), ...(tick && { [box[0]]: tick.checked }) };
        if (reason === "required" && !found.reason) { text.focus(); found = null; return; }
        this.dialog.close();
      } }, el("h2", { id: "ask-title" }, title), el("p", null, words),
      reason && el("p", null, el("label", { for: "ask-reason" }, reason === "required" ? "Reason" : "Reason (may be left out)"), text),
      tick && el("p", null, tick, " ", el("label", { for: "ask-box" }, box[1])),
      el("div", { class: "actions" }, el("button", { type: "submit" }, confirm), el("button", { type: "button", onclick: () => this.dialog.close() }, "Cancel"))));
      this.dialog.addEventListener("close", () => resolve(found), { once: true });
      this.dialog.showModal();
    });
  }

  async send(button, path, more) {
    button.disabled = true;
    try {
      const answer = await this.server.ask(path, { method: "POST", body: { person: this.person.value.trim(), request_id: newId(), ...more } });
      const told = await answer.json();
      this.tell(told.state === "done" ? `Recorded: ${told.detail}` : told.detail);
      await this.refresh();
    } catch (error) {
      this.tell(`Not done: ${error.message}`);
    } finally {
      button.disabled = false;
    }
  }
}

/** Ask for the token until the server takes one. */
function tokenForm(server, why, onGiven) {
  const input = el("input", { id: "token", type: "password", autocomplete: "off", required: true });
  return el("main", { id: "main", class: "gate" }, el("h1", null, "saltloop"), el("p", null, "This campaign is served to those who have its token. ‘saltloop serve’ prints where it stands."),
    why && el("p", { class: "notice", role: "alert" }, why),
    el("form", { onsubmit: (event) => { event.preventDefault(); server.token = input.value.trim(); onGiven(); } },
      el("label", { for: "token" }, "Token "), input, " ", el("button", { type: "submit" }, "Open")));
}
