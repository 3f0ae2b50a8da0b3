/* Many labels: type to filter, arrows to choose, Enter to answer. */

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export class Search {
  /* pick(name) answers; null where the page has no search box. */
  static attach(pick) {
    const input = document.getElementById("search");
    return input ? new Search(input, pick) : null;
  }

  constructor(input, pick) {
    this.input = input;
    this.buttons = [...document.querySelectorAll("#labels [data-label]")];
    this.names = this.buttons.map((button) => plain(button.dataset.label));
    this.shown = this.buttons;
    this.active = null;
    input.addEventListener("input", () => this.#filter());
    input.addEventListener("keydown", (event) => this.#key(event, pick));
  }

  reset() {
    this.input.value = "";
    this.#filter();
    document.getElementById("labels").scrollTop = 0;
    // On a phone the keyboard would cover the item.
    if (matchMedia("(pointer: fine)").matches) this.input.focus({ preventScroll: true });
  }

  #filter() {
    const wanted = plain(this.input.value.trim());
    this.shown = this.buttons.filter((button, i) => {
      button.hidden = !this.names[i].includes(wanted);
      return !button.hidden;
    });
    document.getElementById("no-match").hidden = this.shown.length > 0;
    const best = this.shown.find((button) => plain(button.dataset.label).startsWith(wanted)) ?? this.shown[0];
    this.#activate(wanted ? best : null);
  }

  #activate(button) {
    this.active?.setAttribute("aria-selected", "false");
    this.active = button ?? null;
    if (!button) return this.input.removeAttribute("aria-activedescendant");
    button.setAttribute("aria-selected", "true");
    button.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", button.id);
  }

  #key(event, pick) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.shown.length) {
      const at = this.active ? this.shown.indexOf(this.active) + step : step > 0 ? 0 : -1;
      this.#activate(this.shown[(at + this.shown.length) % this.shown.length]);
    } else if (event.key === "Enter") {
      if (this.active && !event.repeat) pick(this.active.dataset.label);
    } else if (event.key === "Escape") {
      if (this.input.value) { this.input.value = ""; this.#filter(); } else this.input.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
