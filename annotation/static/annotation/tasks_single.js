/* The panel of one label per item: a button each, a key each, and a search box where there are many. See panel.js. */

import { Search } from "./search.js";

const { labels } = JSON.parse(document.getElementById("setup").textContent);
let tell = () => {};
const answer = (name) => tell(name);
const search = Search.attach(answer);
const byKey = new Map(labels.filter((label) => label.hotkey).map((label) => [label.hotkey, () => answer(label.name)]));
if (search && !byKey.has("/")) byKey.set("/", () => search.input.focus());

document.getElementById("labels").addEventListener("click", (event) => {
  const button = event.target.closest("[data-label]");
  if (!button || event.detail > 1) return; // the second half of a double click is not meant for the next item
  if (event.detail) button.blur();
  answer(button.dataset.label);
});

export function show(item, before) {
  for (const button of document.querySelectorAll("#labels [data-label]")) {
    button.classList.toggle("was", before === button.dataset.label);
  }
  search?.reset();
}

/* A press answers at once, so nothing is ever chosen and not yet sent. */
export const value = () => undefined;
export const onAnswer = (callback) => { tell = callback; };
export const keys = () => byKey;
