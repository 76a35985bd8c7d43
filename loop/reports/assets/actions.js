// What a person may decide in the live page. Absent in a report.

/** What a person may decide. Each decision is one event with the person's name. */
class Actions {
  constructor(server, tell, refresh) {
    Object.assign(this, { server, tell, refresh });
    this.dialog = el("dialog", { class: "ask", "aria-labelledby": "ask-title" });
    document.body.append(this.dialog);
    this.person = el("input", {
      id: "person",
      "data-key": "person",
      autocomplete: "name",
      maxlength: 100,
      value: localStorage.getItem(KEEP.person) ?? "",
      onchange: () => localStorage.setItem(KEEP.person, this.person.value.trim()),
    });
  }

  ofCampaign(view) {
    if (view.is_closed) return null;
    return view.hold_reason
      ? this.button("Resume the campaign", "/v1/campaign/resume", {
          title: "Resume the campaign?",
          words: "Failures before it no longer count for the failure rate.",
        })
      : this.button("Pause the campaign", "/v1/campaign/pause", {
          title: "Pause the campaign?",
          words: "Nothing new is started until somebody resumes it; jobs that run come to their end.",
          reason: "required",
        });
  }

  ofCandidate(story) {
    const at = `/v1/candidates/${encodeURIComponent(story.id)}`;
    return (
      (story.status === "candidate" || story.status === "approved") &&
      el(
        "div",
        { class: "actions" },
        story.status === "candidate" &&
          this.button("Approve", `${at}/approve`, { now: true, name: `Approve ${story.id}` }),
        this.button("Reject", `${at}/reject`, {
          title: `Reject ${story.text}?`,
          words: "It is never proposed again.",
          reason: "required",
          name: `Reject ${story.id}`,
          box: ["is_infeasible", "It cannot be made or measured: teach this to the model"],
        }),
      )
    );
  }

  ofHeld(held) {
    const at = `/v1/results/${encodeURIComponent(held.id)}`;
    return el(
      "div",
      { class: "actions" },
      held.is_unreleasable
        ? el("span", { class: "faint" }, "It cannot be released: the value is not positive. ")
        : this.button("Release", `${at}/release`, {
            title: `Release ${held.id}?`,
            words: `You vouch for ${pm(held.value, held.std)} ${held.unit}; it counts from now on.`,
            reason: "optional",
            name: `Release ${held.id}`,
          }),
      this.button("Reject", `${at}/reject`, {
        title: `Reject ${held.id}?`,
        words: "It stays on record and never counts; the liquid may be proposed again.",
        reason: "required",
        name: `Reject result ${held.id}`,
      }),
    );
  }

  button(words, path, { now, name, ...asked }) {
    return el(
      "button",
      {
        type: "button",
        "data-key": path,
        "aria-label": name,
        onclick: async (event) => {
          const button = event.currentTarget;
          if (!this.person.value.trim()) {
            this.tell("Give your name first: it is recorded with the decision.");
            this.person.focus();
            return;
          }
          const more = now ? {} : await this.ask(words, asked);
          if (more) await this.send(button, path, more);
        },
      },
      words,
    );
  }

  /** A dialog with a reason and perhaps a box to tick; null if it is dismissed. */
  ask(confirm, { title, words, reason, box }) {
    const text = el("textarea", { id: "ask-reason", rows: 3, maxlength: 2000, required: reason === "required" });
    const tick = box && el("input", { type: "checkbox", id: "ask-box" });
    return new Promise((resolve) => {
      let found = null;
      put(
        this.dialog,
        el(
          "form",
          {
            onsubmit: (event) => {
              event.preventDefault();
              found = { ...(reason && { reason: text.value.trim() }), ...(tick && { [box[0]]: tick.checked }) };
              if (reason === "required" && !found.reason) {
                text.focus();
                found = null;
                return;
              }
              this.dialog.close();
            },
          },
          el("h2", { id: "ask-title" }, title),
          el("p", null, words),
          reason &&
            el(
              "p",
              null,
              el("label", { for: "ask-reason" }, reason === "required" ? "Reason" : "Reason (may be left out)"),
              text,
            ),
          tick && el("p", null, tick, " ", el("label", { for: "ask-box" }, box[1])),
          el(
            "div",
            { class: "actions" },
            el("button", { type: "submit" }, confirm),
            el("button", { type: "button", onclick: () => this.dialog.close() }, "Cancel"),
          ),
        ),
      );
      this.dialog.addEventListener("close", () => resolve(found), { once: true });
      this.dialog.showModal();
    });
  }

  async send(button, path, more) {
    button.disabled = true;
    try {
      const answer = await this.server.ask(path, {
        method: "POST",
        body: { person: this.person.value.trim(), request_id: newId(), ...more },
      });
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
