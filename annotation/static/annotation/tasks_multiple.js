/* The panel of several labels per item: a key or a button chooses its label or leaves it again; Enter sends what is chosen, which may
be nothing. See panel.js. */

import { Search } from "./search.js";

const { labels } = JSON.parse(document.getElementById("setup").textContent);
const $ = (id) => document.getElementById(id);
const chosen = new Set();
let tell = () => {};

const search = Search.attach((name) => { toggle(name); search.reset({ stay: true }); }, { submit });
const byKey = new Map(labels.filter((label) => label.hotkey).map((label) => [label.hotkey, () => toggle(label.name)]));
if (search && !byKey.has("/")) byKey.set("/", () => search.input.focus());
byKey.set("enter", submit);

function toggle(name) {
  if (!chosen.delete(name)) chosen.add(name);
  paint();
  $("live").textContent = `${name}: ${chosen.has(name) ? "chosen" : "not chosen"}. ${spoken(value())}.`;
}

function paint() {
  for (const button of document.querySelectorAll("#labels [data-label]")) {
    button.setAttribute(button.role === "option" ? "aria-selected" : "aria-pressed", String(chosen.has(button.dataset.label)));
  }
  $("submit-text").textContent = chosen.size ? `Save ${chosen.size === 1 ? "one label" : `${chosen.size} labels`}` : "None of them";
  $("chosen").textContent = value().join(", ");
}

function submit() {
  tell(value());
}

$("labels").addEventListener("click", (event) => {
  const button = event.target.closest("[data-label]");
  if (!button) return;
  if (event.detail) button.blur();
  toggle(button.dataset.label);
});
$("submit").addEventListener("click", (event) => {
  if (event.detail > 1) return; // the second half of a double click is not meant for the next item
  if (event.detail) event.currentTarget.blur();
  submit();
});

export function show(item, before) {
  chosen.clear();
  for (const name of before ?? []) if (labels.some((label) => label.name === name)) chosen.add(name);
  search?.reset();
  paint();
}

export const value = () => labels.map((label) => label.name).filter((name) => chosen.has(name));
export const onAnswer = (callback) => { tell = callback; };
export const keys = () => byKey;

export function spoken(names) {
  return names?.length ? names.join(", ") : "none of them";
}
