/* The panel of words to mark. See panel.js.

Mouse: a drag chooses whole words (with Alt exactly what is under it), a click one word, Shift-click up to there. Fingers: tap the
first word, then the last. Keys: arrows go from word to word, with Shift they choose. Then a label's key or button marks what is
chosen; a label without anything chosen stays in the hand for the next words. Backspace takes away the mark at the cursor.
Inside, places are those of JavaScript (UTF-16); outside they are code points, as the server counts. */

import { Search } from "./search.js";

const { labels } = JSON.parse(document.getElementById("setup").textContent);
const style = new Map(labels.map((label, i) => [label.name, { color: label.color, ink: label.ink, order: i }]));
const panel = document.getElementById("panel");
const mayOverlap = panel.dataset.overlap === "yes";
const WORD = /[\p{L}\p{N}\p{M}_]+(?:['’\-.][\p{L}\p{N}\p{M}_]+)*|[^\s\p{L}\p{N}\p{M}_]/gu;

let tell = () => {};
let text = "";
let box = null; // the element that shows the text
let words = []; // [{start, end}]
let marks = []; // [{start, end, label}]
let cursor = null; // the word at which the keyboard is
let anchor = null; // where its choice began
let chosen = null; // {start, end}
let inHand = null; // a label for the next words

const $ = (id) => document.getElementById(id);
const say = (words) => { $("marks-said").textContent = words; };
const quote = ({ start, end }) => { const found = text.slice(start, end).replace(/\s+/g, " "); return found.length > 40 ? `${found.slice(0, 39)}…` : found; };
const byPlace = (a, b) => a.start - b.start || a.end - b.end || style.get(a.label)?.order - style.get(b.label)?.order;
const same = (a, b) => a.start === b.start && a.end === b.end;
const meet = (a, b) => a.start < b.end && b.start < a.end;

/* --- Places: UTF-16 here, code points there. */

function codePoint(place) {
  let n = 0;
  for (let i = 0; i < place; n++) i += text.codePointAt(i) > 0xffff ? 2 : 1;
  return n;
}

function utf16(place) {
  let i = 0;
  for (let n = 0; n < place && i < text.length; n++) i += text.codePointAt(i) > 0xffff ? 2 : 1;
  return i;
}

/* --- What is shown */

function paint() {
  const cuts = new Set([0, text.length]);
  for (const { start, end } of [...words, ...marks, ...(chosen ? [chosen] : [])]) cuts.add(start).add(end);
  const places = [...cuts].sort((a, b) => a - b);
  const lanes = laned();
  const depth = Math.max(0, ...lanes.values()) + 1;
  const parts = [];
  const wordAt = new Map(words.map((word, i) => [word.start, i]));
  for (let i = 0; i + 1 < places.length; i++) {
    const [start, end] = [places[i], places[i + 1]];
    const over = marks.filter((mark) => mark.start < end && start < mark.end);
    const part = document.createElement("span");
    part.dataset.s = start;
    part.textContent = text.slice(start, end);
    if (over.length) {
      part.className = "mark";
      part.style.setProperty("--under", over.map((mark) => stripe(mark, lanes.get(mark))).join(", "));
      part.style.setProperty("--tint", style.get(over[0].label)?.color ?? "gray");
      part.style.paddingBottom = `${4 * depth}px`;
    }
    if (chosen && chosen.start < end && start < chosen.end) part.classList.add("chosen");
    if (cursor !== null && wordAt.get(start) === cursor) part.classList.add("at");
    parts.push(part);
    for (const mark of over) if (mark.end === end) parts.push(tag(mark));
  }
  box.replaceChildren(...parts);
  box.style.lineHeight = depth > 2 ? String(1.6 + 0.2 * (depth - 2)) : "";
  list();
}

/* Marks that meet are drawn in lanes, one below the other. */
function laned() {
  const lanes = new Map();
  const ends = [];
  for (const mark of marks) {
    let lane = ends.findIndex((end) => end <= mark.start);
    if (lane < 0) lane = ends.length;
    ends[lane] = mark.end;
    lanes.set(mark, lane);
  }
  return lanes;
}

function stripe(mark, lane) {
  const color = style.get(mark.label)?.color ?? "gray";
  return `linear-gradient(${color}, ${color}) 0 calc(100% - ${4 * lane}px) / 100% 3px no-repeat`;
}

function tag(mark) {
  const found = document.createElement("span");
  found.className = "mark-name";
  found.textContent = mark.label.split("/").at(-1);
  found.title = mark.label;
  found.setAttribute("aria-hidden", "true"); // the list below says it, in order
  found.style.setProperty("--chip", style.get(mark.label)?.color ?? "gray");
  found.style.setProperty("--chip-ink", style.get(mark.label)?.ink ?? "black");
  return found;
}

function list() {
  const rows = marks.map((mark, i) => {
    const row = document.createElement("li");
    const name = Object.assign(document.createElement("strong"), { textContent: mark.label });
    const button = Object.assign(document.createElement("button"), { type: "button", className: "linklike", textContent: "×" });
    button.setAttribute("aria-label", `Remove ${mark.label}: ${quote(mark)}`);
    button.dataset.mark = i;
    row.append(name, ` ${quote(mark)} `, button);
    return row;
  });
  $("marks").replaceChildren(...rows);
  $("marks").hidden = !rows.length;
  $("submit-text").textContent = marks.length ? `Save ${marks.length === 1 ? "one mark" : `${marks.length} marks`}` : "Nothing to mark";
  for (const button of document.querySelectorAll("#labels [data-label]")) {
    button.setAttribute(button.role === "option" ? "aria-selected" : "aria-pressed", String(button.dataset.label === inHand));
  }
}

/* --- Marking */

function use(label) {
  const place = chosen ?? (cursor === null ? null : words[cursor]);
  if (!place) {
    inHand = inHand === label ? null : label;
    say(inHand ? `${label}: now choose words.` : "Choose words, then a label.");
    return list();
  }
  mark(place, label);
}

function mark({ start, end }, label) {
  const made = { start, end, label };
  const there = marks.find((other) => same(other, made) && (other.label === label || !mayOverlap));
  if (there?.label === label) return remove(there);
  const across = mayOverlap ? null : marks.find((other) => other !== there && meet(other, made));
  if (across) return say(`“${quote(made)}” overlaps ${across.label} “${quote(across)}”. Remove that first.`);
  marks = [...marks.filter((other) => other !== there), made].sort(byPlace);
  chosen = anchor = null;
  say(`${label}: “${quote(made)}”.`);
  paint();
}

function remove(mark) {
  marks = marks.filter((other) => other !== mark);
  say(`${mark.label} removed from “${quote(mark)}”.`);
  paint();
}

function choose(place) {
  chosen = place;
  if (chosen && inHand) return mark(chosen, inHand);
  paint();
  say(chosen ? `“${quote(chosen)}”: which label?` : "Choose words, then a label.");
}

const from = (a, b) => ({ start: Math.min(words[a].start, words[b].start), end: Math.max(words[a].end, words[b].end) });
const wordOf = (place) => words.findIndex((word) => word.start <= place && place < word.end);
const atCursor = () => (cursor === null ? null : marks.findLast((mark) => meet(mark, words[cursor])));

/* --- Keys */

function go(to, choosing) {
  if (!words.length) return;
  const was = cursor;
  cursor = Math.max(0, Math.min(words.length - 1, to));
  if (choosing) {
    anchor ??= was ?? cursor;
    chosen = from(anchor, cursor);
  } else chosen = anchor = null;
  paint();
  box.querySelector(".at")?.scrollIntoView({ block: "nearest" });
  const here = atCursor();
  say(`${chosen ? `“${quote(chosen)}” chosen` : quote(words[cursor])}${here ? `, in ${here.label}` : ""}`);
}

/* The word above or below. */
function line(step) {
  if (cursor === null) return step > 0 ? 0 : words.length - 1;
  const parts = words.map((word) => box.querySelector(`[data-s="${word.start}"]`)?.getBoundingClientRect());
  const here = parts[cursor];
  let best = null;
  for (let i = cursor + step; words[i]; i += step) {
    if (!parts[i] || Math.abs(parts[i].top - here.top) < here.height / 2) continue;
    if (best !== null && Math.abs(parts[i].top - parts[best].top) > here.height / 2) break;
    if (best === null || Math.abs(parts[i].left - here.left) < Math.abs(parts[best].left - here.left)) best = i;
  }
  return best ?? cursor;
}

const moving = (where) => Object.assign((event) => go(where(), event?.shiftKey), { repeats: true });
const search = Search.attach((name) => { use(name); search.reset({ stay: true }); search.input.blur(); }, { submit });
const fixed = new Map([
  ["arrowright", moving(() => (cursor === null ? 0 : cursor + 1))],
  ["arrowleft", moving(() => (cursor === null ? words.length - 1 : cursor - 1))],
  ["arrowdown", moving(() => line(1))],
  ["arrowup", moving(() => line(-1))],
  ["home", moving(() => 0)],
  ["end", moving(() => words.length - 1)],
  ["enter", submit],
  ...labels.filter((label) => label.hotkey).map((label) => [label.hotkey, () => use(label.name)]),
]);
if (search && !fixed.has("/")) fixed.set("/", () => search.input.focus());

export function keys() {
  const here = atCursor();
  const now = new Map(fixed);
  if (here) now.set("backspace", () => remove(here)).set("delete", () => remove(here));
  if (chosen || inHand || cursor !== null) now.set("escape", () => { cursor = anchor = inHand = null; choose(null); });
  for (const [key, step] of [["]", 1], ["[", -1]]) {
    if (!now.has(key) && marks.length) now.set(key, () => jump(step));
  }
  return now;
}

function jump(step) {
  const place = cursor === null ? (step > 0 ? -1 : text.length) : words[cursor].start;
  const found = step > 0 ? marks.find((mark) => mark.start > place) : marks.findLast((mark) => mark.start < place);
  if (found) go(words.findIndex((word) => word.end > found.start), false);
}

/* --- Mouse and fingers */

function place(node, offset) {
  const part = (node.nodeType === Node.TEXT_NODE ? node.parentElement : node).closest?.("[data-s]");
  if (part && box.contains(part)) return Number(part.dataset.s) + (node.nodeType === Node.TEXT_NODE ? offset : offset && part.textContent.length);
  return node === box ? Number(box.querySelectorAll("[data-s]")[offset]?.dataset.s ?? text.length) : null;
}

function dragged(exactly) {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  if (!box.contains(range.commonAncestorContainer)) return null;
  const [start, end] = [place(range.startContainer, range.startOffset), place(range.endContainer, range.endOffset)];
  selection.removeAllRanges();
  if (start === null || end === null || start >= end) return null;
  if (exactly) return { start, end };
  const inside = words.filter((word) => meet(word, { start, end }));
  return inside.length ? { start: inside[0].start, end: inside.at(-1).end } : null;
}

function pointed(event) {
  const selected = dragged(event.altKey);
  const part = event.target.closest?.("[data-s]");
  const word = part ? wordOf(Number(part.dataset.s)) : -1;
  if (selected) {
    cursor = anchor = null;
    return choose(selected);
  }
  if (word < 0) { cursor = anchor = null; return choose(null); }
  const fingers = event.pointerType === "touch";
  if ((event.shiftKey || fingers) && chosen && anchor !== null && word !== anchor) chosen = from(anchor, word);
  else if (chosen && same(chosen, words[word])) { cursor = anchor = null; return choose(null); }
  else { anchor = word; chosen = { ...words[word] }; }
  cursor = word;
  // With a label in the hand a finger's first tap may be the beginning of several words: it waits for the second.
  if (inHand && fingers && same(chosen, words[word]) && anchor === word) { paint(); return say(`“${quote(chosen)}”: tap its last word, or the label.`); }
  choose(chosen);
}

function submit() {
  tell(value());
}

$("labels").addEventListener("click", (event) => {
  const button = event.target.closest("[data-label]");
  if (!button || event.detail > 1) return;
  if (event.detail) button.blur();
  use(button.dataset.label);
});
$("marks").addEventListener("click", (event) => {
  const button = event.target.closest("[data-mark]");
  if (!button) return;
  const at = Number(button.dataset.mark);
  remove(marks[at]);
  ($("marks").querySelectorAll("button")[Math.min(at, marks.length - 1)] ?? $("submit")).focus({ preventScroll: true });
  if (event.detail) document.activeElement.blur();
});
$("submit").addEventListener("click", (event) => {
  if (event.detail > 1) return; // the second half of a double click is not meant for the next item
  if (event.detail) event.currentTarget.blur();
  submit();
});

/* --- What the page asks of a panel */

export function show(item, before) {
  box = document.querySelector("#item-content .lb-text");
  text = String(item.content ?? "");
  words = [...text.matchAll(WORD)].map((found) => ({ start: found.index, end: found.index + found[0].length }));
  marks = (before ?? []).map((mark) => ({ start: utf16(mark.start), end: utf16(mark.end), label: mark.label })).sort(byPlace);
  cursor = anchor = chosen = inHand = null;
  box.classList.add("lb-words");
  box.addEventListener("pointerup", pointed);
  search?.reset();
  say("Choose words, then a label.");
  paint();
}

export const value = () => marks.map(({ start, end, label }) => ({ start: codePoint(start), end: codePoint(end), label }));
export const onAnswer = (callback) => { tell = callback; };

/* In words: only the labels, because the text is not at hand for an earlier item. */
export function spoken(value) {
  if (!value?.length) return "nothing marked";
  const counts = new Map();
  for (const { label } of value) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].map(([label, n]) => (n > 1 ? `${n} × ${label}` : label)).join(", ");
}
