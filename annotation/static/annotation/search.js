/* Many labels: type to filter, arrows to choose, Enter to pick. Where several can be picked, the list says which ones are. */

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export class Search {
  /* pick(name) answers, or chooses one of several, and then submit() answers: Enter where none is found. Null where the page has
     no search box. */
  static attach(pick, { submit = null } = {}) {
    const input = document.getElementById("search");
    return input ? new Search(input, pick, submit) : null;
  }

  constructor(input, pick, submit) {
    this.input = input;
    this.submit = submit;
    this.buttons = [...document.querySelectorAll("#labels [data-label]")];
    this.names = this.buttons.map((button) => plain(button.dataset.label));
    this.shown = this.buttons;
    this.active = null;
    input.addEventListener("input", () => this.#filter());
    input.addEventListener("keydown", (event) => this.#key(event, pick));
  }

  reset({ stay = false } = {}) {
    this.input.value = "";
    this.#filter();
    if (stay) return;
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
    for (const group of document.querySelectorAll("#labels .lb-group")) group.hidden = !group.querySelector("[data-label]:not([hidden])");
    document.getElementById("no-match").hidden = this.shown.length > 0;
    const best = this.shown.find((button) => plain(button.dataset.label).startsWith(wanted)) ?? this.shown[0];
    this.#activate(wanted ? best : null);
  }

  #activate(button) {
    this.active?.classList.remove("active");
    if (!this.submit) this.active?.setAttribute("aria-selected", "false");
    this.active = button ?? null;
    if (!button) return this.input.removeAttribute("aria-activedescendant");
    button.classList.add("active");
    if (!this.submit) button.setAttribute("aria-selected", "true");
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
      if (event.repeat) { /* one press, one label */ }
      else if (this.active) pick(this.active.dataset.label);
      else if (!this.input.value) this.submit?.();
    } else if (event.key === "Escape") {
      if (this.input.value) { this.input.value = ""; this.#filter(); } else this.input.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
