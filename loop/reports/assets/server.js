// The server that the live page came from: its token, the view, the stories and the events.

const KEEP = { token: "saltloop.token", person: "saltloop.person" };

class Server {
  constructor() {
    const given = /(?:^#|&)token=([^&]+)/.exec(location.hash);
    if (given) {
      sessionStorage.setItem(KEEP.token, decodeURIComponent(given[1]));
      history.replaceState(null, "", location.pathname + location.search);
    }
  }

  get token() {
    return sessionStorage.getItem(KEEP.token) ?? "";
  }

  set token(text) {
    sessionStorage.setItem(KEEP.token, text);
  }

  async ask(path, { method = "GET", body, headers = {}, signal } = {}) {
    const answer = await fetch(path, {
      method,
      signal,
      cache: "no-store",
      body: body && JSON.stringify(body),
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body && { "content-type": "application/json" }),
        ...headers,
      },
    });
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => ({}));
    const detail = typeof told.detail === "string" ? told.detail : JSON.stringify(told.detail ?? answer.statusText);
    throw Object.assign(new Error(detail), { status: answer.status });
  }

  async view() {
    return (await this.ask("/v1/view")).json();
  }

  async story(id) {
    return (await this.ask(`/v1/candidates/${encodeURIComponent(id)}/story`)).json();
  }

  /** Each event after `after`, until the stream ends. */
  async *events(after, signal) {
    const answer = await this.ask(`/v1/events/stream?after=${after}`, {
      headers: { accept: "text/event-stream" },
      signal,
    });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text = (text + value).replaceAll("\r\n", "\n");
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const block = text.slice(0, end).split("\n");
        text = text.slice(end + 2);
        const data = block
          .filter((line) => line.startsWith("data:"))
          .map((line) => line.slice(5).trimStart())
          .join("\n");
        const type =
          block
            .find((line) => line.startsWith("event:"))
            ?.slice(6)
            .trim() ?? "message";
        if (data) yield { type, data: JSON.parse(data) };
      }
    }
  }
}

/** 32 hexadecimal digits, so that a decision sent twice is done once. */
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Ask for the token until the server takes one. */
function tokenForm(server, why, onGiven) {
  const input = el("input", { id: "token", type: "password", autocomplete: "off", required: true });
  return el(
    "main",
    { id: "main", class: "gate" },
    el("h1", null, "saltloop"),
    el("p", null, "This campaign is served to those who have its token. ‘saltloop serve’ prints where it stands."),
    why && el("p", { class: "notice", role: "alert" }, why),
    el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          server.token = input.value.trim();
          onGiven();
        },
      },
      el("label", { for: "token" }, "Token "),
      input,
      " ",
      el("button", { type: "submit" }, "Open"),
    ),
  );
}
