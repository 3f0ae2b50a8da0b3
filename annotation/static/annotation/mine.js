/* "My answers": the last 50 of mine in a panel at the side. One that is opened is changed by answering it again. */

const LAST = 50;
const get = async (url) => {
  const response = await fetch(url, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(15_000) });
  if (!response.ok) throw new Error(String(response.status));
  return (await response.json()).results;
};

export class Mine {
  /* open(item, before) shows an item with its answer; unsent() says how many answers the server has not got yet. */
  constructor({ url, open, unsent, labeled = String }) {
    Object.assign(this, { url, open, unsent, labeled });
    this.box = document.getElementById("mine");
    this.list = document.getElementById("mine-list");
    this.note = document.getElementById("mine-note");
    this.list.addEventListener("click", (event) => this.#choose(event.target.closest("button")));
    this.list.addEventListener("keydown", (event) => this.#arrows(event));
  }

  get shown() { return !this.box.hidden; }

  async toggle() {
    if (this.shown) return this.close();
    this.cameFrom = document.activeElement;
    this.box.hidden = false;
    this.list.replaceChildren();
    this.#say("One moment.");
    this.box.scrollIntoView({ block: "nearest" });
    try {
      const rows = await get(`${this.url}?mine=true&page_size=${LAST}`);
      this.list.replaceChildren(...rows.map((row) => this.#row(row)));
      const waiting = this.unsent();
      this.#say(waiting ? `${waiting} not sent yet, and not listed.` : rows.length ? "" : "You have not answered anything here yet.");
      this.list.querySelector("button")?.focus({ preventScroll: true });
    } catch {
      this.#say("The list needs the connection. Close it, and open it again when the connection is back.");
    }
  }

  close() {
    this.box.hidden = true;
    if (this.cameFrom?.isConnected) this.cameFrom.focus({ preventScroll: true });
  }

  #row(row) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "lb-mine-row" });
    button.dataset.item = row.item;
    const what = Object.assign(document.createElement("span"), { className: "lb-mine-what", textContent: row.excerpt || row.key, dir: "auto" });
    const value = Object.assign(document.createElement("strong"), { textContent: row.skipped ? "skipped" : this.labeled(row.value) });
    button.append(what, " ", value);
    const place = document.createElement("li");
    place.append(button);
    return place;
  }

  async #choose(button) {
    if (!button) return;
    try {
      const [row] = await get(`${this.url}?mine=true&item=${button.dataset.item}&page_size=1`);
      if (!row) return this.#say("This answer was taken back meanwhile.");
      this.box.hidden = true;
      button.blur();
      this.open(row.to_label, { value: row.value ?? undefined, skipped: row.skipped, flagged: row.flagged, comment: row.comment });
    } catch {
      this.#say("It could not be opened: there is no connection. Try again.");
    }
  }

  #arrows(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const all = [...this.list.querySelectorAll("button")];
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length]?.focus();
    event.preventDefault();
  }

  #say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }
}
