/* Before real work: after an answer of the training the right one stays on the screen until the next key. See docs/training.md.

The page (label.js) asks `holds(item)`: must the answer be sent, and what comes of it be seen, before the next item? While a
lesson is open no other key and no button of the page does anything. */

const $ = (id) => document.getElementById(id);
const STRAY = 250; // ms: the second half of a double press
const IDLE = new Set(["Tab", "Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock", "NumLock", "Dead", "Process"]);

export class Lesson {
  /* onGo(): the next item, please */
  constructor({ onGo }) {
    Object.assign(this, { onGo });
    this.token = null; // of the answer that is on its way
    this.since = 0; // when it was told
    $("lesson-go").addEventListener("click", () => this.#go());
    window.addEventListener("keydown", (event) => this.#press(event), { capture: true });
  }

  get open() { return this.token !== null || this.since > 0; }

  holds(item) {
    const { training } = item;
    return Boolean(training) && (training.part === "training" || training.n === training.of);
  }

  /* The answer is on its way; the page stands still. */
  wait(token) {
    this.token = token;
    $("answer").inert = true;
  }

  /* What the server said of an answer; of most in the test it says nothing. */
  tell(token, { stale, right, answer, explanation, result }, given) {
    const waited = token === this.token;
    if (stale || (right === null && !result)) return waited ? this.#close() : undefined;
    if (waited) this.token = null;
    this.since = performance.now();
    const verdict = right === null ? result.title : right ? "Right" : "Not right";
    $("lesson").className = `card lb-lesson ${(right ?? result.passed) ? "good" : "bad"}`;
    $("lesson-verdict").textContent = verdict;
    const is = answer;
    $("lesson-answer").textContent = right === null ? result.text : right ? `It is “${is}”.` : `You said ${given}. It is “${is}”.`;
    $("lesson-why").textContent = explanation;
    $("lesson-then").textContent = right !== null && result ? `${result.title}. ${result.text}` : "";
    for (const id of ["lesson-why", "lesson-then"]) $(id).hidden = !$(id).textContent;
    $("answer").hidden = $("empty").hidden = true;
    $("lesson").hidden = false;
    $("lesson").scrollIntoView({ block: "nearest" });
    $("lesson-go").focus({ preventScroll: true });
  }

  /* The answer was refused: the page says so, and goes on. */
  refused() { this.#close(); }

  #press(event) {
    if (!this.open || document.querySelector("dialog[open]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey || IDLE.has(event.key) || event.target.closest?.("a, summary")) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.#go();
  }

  #go() {
    if (this.since && performance.now() - this.since > STRAY) this.#close();
  }

  #close() {
    this.since = 0;
    this.token = null;
    $("lesson").hidden = true;
    $("answer").inert = false;
    this.onGo();
  }
}
