/* Seconds that somebody really looked at an item: a hidden tab and a pause of more than 30 seconds do not count. */

const IDLE = 30_000;

export class Timer {
  constructor() {
    this.total = 0;
    this.last = document.hidden ? null : performance.now();
    for (const name of ["keydown", "pointerdown", "pointermove", "scroll", "touchstart"]) {
      document.addEventListener(name, () => this.#tick(), { passive: true, capture: true });
    }
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) { this.#tick(); this.last = null; } else this.last = performance.now();
    });
  }

  restart() {
    this.total = 0;
    this.last = document.hidden ? null : performance.now();
  }

  get seconds() {
    this.#tick();
    return Math.round(this.total / 10) / 100;
  }

  get idleFor() { return this.last === null ? Infinity : performance.now() - this.last; }

  #tick() {
    const now = performance.now();
    if (this.last !== null) this.total += Math.min(now - this.last, IDLE);
    if (!document.hidden) this.last = now;
  }
}
