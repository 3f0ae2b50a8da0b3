/* An image, looked at closely: wheel, pinch, drag, double click, buttons and keys. Begins anew with every item.

The image lies in its box as the style sheet fits it; here only a transform moves it, so nothing is laid out again. */

const STEP = 1.5;
const DEEPEST = 8; // times the larger of "fits" and "every pixel of the file is one of the screen"
const NUDGE = 0.2; // of the box, for one press of an arrow
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Zoom {
  /* say(text) tells a screen reader. `tools`: the buttons [data-zoom] and where the size is printed. */
  constructor(box, tools, say) {
    Object.assign(this, { box, tools, say });
    this.level = tools.querySelector("[data-zoom-level]");
    this.pointers = new Map(); // of fingers and buttons that are down: {id: [x, y]}
    this.reset();
    box.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    box.addEventListener("dblclick", (event) => { event.preventDefault(); this.toggle(this.#at(event)); });
    box.addEventListener("pointerdown", (event) => this.#down(event));
    box.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, (event) => this.#up(event));
    box.addEventListener("dragstart", (event) => event.preventDefault());
    box.addEventListener("load", () => this.#paint(), true); // now its size is known
    window.addEventListener("resize", () => this.image && this.#paint());
    tools.addEventListener("click", (event) => {
      const button = event.target.closest("[data-zoom]");
      if (!button) return;
      if (event.detail) button.blur();
      this[button.dataset.zoom]();
    });
  }

  get image() { return this.box.querySelector("img"); }
  get fits() { return this.scale === 1; }

  reset() {
    this.scale = 1;
    this.x = this.y = 0;
    this.drawn = { scale: 1, x: 0, y: 0 }; // what the transform says now
    this.pointers.clear();
    this.box.classList.remove("closer");
    this.level.textContent = "Fits";
  }

  in() { this.#aloud(() => this.#to(this.scale * STEP)); }
  out() { this.#aloud(() => this.#to(this.scale / STEP)); }
  fit() { this.#aloud(() => this.#to(1)); }
  toggle(at) { this.#aloud(() => this.#to(this.fits ? this.#full() : 1, at)); }

  /* An arrow moves what is larger than its box. False: there is nothing to move. */
  arrow(key) {
    if (this.fits || !ARROWS[key]) return false;
    const [right, down] = ARROWS[key];
    this.x += right * NUDGE * this.box.clientWidth;
    this.y += down * NUDGE * this.box.clientHeight;
    this.#paint();
    return true;
  }

  /* Where the image lies in its box when it fits. Not by offsetLeft and its like: they are rounded. */
  #place() {
    const [image, box] = [this.image.getBoundingClientRect(), this.box.getBoundingClientRect()];
    const { scale, x, y } = this.drawn;
    return { left: image.left - box.left - x, top: image.top - box.top - y, width: image.width / scale, height: image.height / scale };
  }

  /* How much larger the file's own size is; twice for an image that is shown larger than that anyway. */
  #full() {
    const full = this.image.naturalWidth / this.#place().width;
    return full > 1.05 ? full : 2;
  }

  #to(scale, at = [this.box.clientWidth / 2, this.box.clientHeight / 2]) {
    const { image } = this;
    if (!image?.offsetWidth) return;
    const next = Math.min(Math.max(1, scale), DEEPEST * this.#full());
    const { left, top } = this.#place();
    this.x = at[0] - left - ((at[0] - left - this.x) * next) / this.scale; // what is under the pointer stays there
    this.y = at[1] - top - ((at[1] - top - this.y) * next) / this.scale;
    this.scale = next < 1.01 ? 1 : next;
    this.#paint();
  }

  #paint() {
    const { image, box, scale } = this;
    if (!image?.offsetWidth) return;
    const { left, top, width, height } = this.#place();
    this.x = this.fits ? 0 : within(this.x, left, width * scale, box.clientWidth);
    this.y = this.fits ? 0 : within(this.y, top, height * scale, box.clientHeight);
    image.style.transform = this.fits ? "" : `translate(${this.x}px, ${this.y}px) scale(${scale})`;
    this.drawn = { scale, x: this.x, y: this.y };
    box.classList.toggle("closer", !this.fits);
    const percent = Math.round((100 * scale * width) / image.naturalWidth);
    this.level.textContent = this.fits ? "Fits" : `${percent} %`;
  }

  #aloud(change) {
    if (!this.image) return;
    change();
    this.say(this.fits ? "The whole image." : `Zoom ${this.level.textContent}.`);
  }

  #at(event) {
    const box = this.box.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #wheel(event) {
    const lines = event.deltaMode === 1 ? 16 : 1;
    if (!this.image || (this.fits && event.deltaY > 0 && !event.ctrlKey)) return; // nothing to shrink: the page scrolls
    event.preventDefault();
    this.#to(this.scale * Math.exp(Math.max(-1, Math.min(1, -event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0025)))), this.#at(event));
  }

  #down(event) {
    if (!this.image || (event.pointerType === "mouse" && (event.button !== 0 || this.fits))) return;
    this.pointers.set(event.pointerId, this.#at(event));
    if (!this.fits || this.pointers.size > 1) this.box.setPointerCapture(event.pointerId);
  }

  #drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#at(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      const [was, is] = [distance(before, other), distance(now, other)];
      if (was && is) this.#to((this.scale * is) / was, [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    }
    if (this.fits) return;
    const share = other ? 0.5 : 1; // of two fingers that move together, each moves half the way
    this.x += (now[0] - before[0]) * share;
    this.y += (now[1] - before[1]) * share;
    this.#paint();
  }

  #up(event) { this.pointers.delete(event.pointerId); }
}

/* Where an image of this length may begin: no gap at its edges; in the middle of a box that is longer. */
function within(moved, start, length, room) {
  if (length <= room) return (room - length) / 2 - start;
  return Math.min(-start, Math.max(room - length - start, moved));
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
