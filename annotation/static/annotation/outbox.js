/* Answers on their way to the server. Each is in localStorage, under a key of its own, until the server has said that it is
   stored; sent one after the other, so an undo never overtakes its answer; repeated with the same token until it arrives. */

const SLOWEST = 30_000;
const TIMEOUT = 15_000;
const TRY_AGAIN = new Set([408, 425, 429]);

export function newToken() {
  // crypto.randomUUID exists on https and localhost only; a team's server in a local network may be neither.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  /* post(url, body) -> Response; onSent(entry, answer); onChange() */
  constructor(prefix, { post, onSent, onChange }) {
    Object.assign(this, { prefix, post, onSent, onChange });
    this.entries = this.#load();
    this.refused = this.entries.filter((entry) => entry.refused);
    this.entries = this.entries.filter((entry) => !entry.refused);
    this.offline = false;
    this.held = null; // {status, detail}: logged out, role lost: nothing is lost, nothing can be sent
    this.delay = 1000;
    this.busy = null;
    this.timer = null;
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("offline", () => { this.offline = true; this.onChange(); });
    window.addEventListener("focus", () => this.held && this.hurry());
  }

  get waiting() { return this.entries.length; }

  /* A newer answer to the same item takes the place of one that was refused. */
  add(entry) {
    for (const old of this.refused.filter((other) => other.body.item === entry.body.item)) {
      this.#forget(old);
      this.refused.splice(this.refused.indexOf(old), 1);
    }
    entry.at = Date.now() + Math.random();
    this.#keep(entry);
    this.entries.push(entry);
    this.onChange();
    this.pump();
  }

  /* Take back what was never tried to be sent. False: it may have arrived. */
  cancel(token) {
    const at = this.entries.findIndex((entry) => entry.token === token && entry.kind === "answer" && !entry.tried);
    if (at < 0) return false;
    this.#forget(this.entries[at]);
    this.entries.splice(at, 1);
    this.onChange();
    return true;
  }

  hurry() {
    this.delay = 1000;
    clearTimeout(this.timer);
    this.timer = null;
    this.pump();
  }

  retryRefused() {
    for (const entry of this.refused.splice(0)) {
      delete entry.refused;
      this.#keep(entry);
      this.entries.push(entry);
    }
    this.hurry();
  }

  discardRefused() {
    this.refused.splice(0).forEach((entry) => this.#forget(entry));
    this.onChange();
  }

  async pump() {
    if (this.busy || this.timer) return;
    while (this.entries.length) {
      const entry = this.entries[0];
      if (this.#sentByAnotherTab(entry)) { this.entries.shift(); continue; }
      this.busy = entry;
      entry.tried = true;
      this.#keep(entry);
      const done = await this.#try(entry);
      this.busy = null;
      if (!done) {
        this.timer = setTimeout(() => { this.timer = null; this.pump(); }, this.delay);
        this.delay = Math.min(SLOWEST, this.delay * 2);
        this.onChange();
        return;
      }
      this.delay = 1000;
      this.onChange();
    }
  }

  async #try(entry) {
    let response;
    let answer = {};
    try {
      response = await this.post(entry.url, entry.body, TIMEOUT);
      answer = await response.json();
    } catch {
      if (!response || response.ok) { this.offline = true; return false; } // no answer, or half of one
    }
    this.offline = false;
    this.held = null;
    if (response.ok) {
      this.#drop(entry);
      this.onSent(entry, answer);
      return true;
    }
    const { status } = response;
    if (status >= 500 || TRY_AGAIN.has(status)) { this.troubled = true; return false; }
    if (status === 401 || status === 403 || status === 409) {
      this.held = { status, detail: answer.detail ?? "" };
      return false;
    }
    entry.refused = answer.detail ?? Object.values(answer).flat().join(" ") ?? `The server answered ${status}.`;
    this.entries = this.entries.filter((other) => other !== entry);
    if (entry.kind === "undo") this.#forget(entry);
    else { this.#keep(entry); this.refused.push(entry); }
    return true;
  }

  #drop(entry) {
    this.#forget(entry);
    this.entries = this.entries.filter((other) => other !== entry);
  }

  #key(entry) { return `${this.prefix}${entry.kind}.${entry.token}`; }

  #keep(entry) {
    try { localStorage.setItem(this.#key(entry), JSON.stringify(entry)); entry.kept = true; } catch { entry.kept = false; }
  }

  #forget(entry) {
    try { localStorage.removeItem(this.#key(entry)); } catch { /* it was never there */ }
  }

  #sentByAnotherTab(entry) {
    if (!entry.kept) return false;
    try { return localStorage.getItem(this.#key(entry)) === null; } catch { return false; }
  }

  #load() {
    const found = [];
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(this.prefix)) found.push({ ...JSON.parse(localStorage.getItem(key)), kept: true });
      }
    } catch { /* no storage: answers live as long as the page */ }
    return found.sort((a, b) => a.at - b.at);
  }
}
