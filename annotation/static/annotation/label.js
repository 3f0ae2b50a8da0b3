/* The labelling page: one item on the screen, three more at hand, answers sent in the background. */

import { preload, render, scroll } from "./content.js";
import { holding, listen, printed } from "./keys.js";
import { Mine } from "./mine.js";
import { Outbox, newToken } from "./outbox.js";
import { loadPanel } from "./panel.js";
import { showProgress, showReason, showSaved } from "./status.js";
import { Timer } from "./timer.js";
import { Lesson } from "./training.js";
import { Zoom } from "./zoom.js";

const setup = JSON.parse(document.getElementById("setup").textContent);
const panel = await loadPanel();
const $ = (id) => document.getElementById(id);
const AHEAD = 3; // at hand beyond the one on the screen, until the server says how many (its `ahead`)
const HEAVY = 50_000; // characters
const POLL = 2000;
const KEEP_HISTORY = 100;
const HEARTBEAT = (setup.leaseSeconds * 1000) / 5;

let current = null;
let away = null; // {item}: where I was, while an earlier answer of mine is open
let ahead = [];
let hold = AHEAD;
let asked = false; // the answer on its way asks for the next items
const telling = { round: -1, words: new Set(), on: true };
let heavy = false; // those at hand are long texts
let leaseUntil = "";
let pollTimer = null;
let fetching = false;
const history = []; // {token, item, value, flagged, comment}: what undo goes back through
const done = new Set(); // items answered here; the server may not know of all of them yet
const returning = new Set(); // items whose answer was undone here, while the server has not heard of it
const timer = new Timer();
const zoom = $("zoom-tools") && new Zoom($("item-content"), $("zoom-tools"), (text) => announce(text));

function csrf() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}

function post(url, body, timeout = 15_000, keepalive = false) {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrf() };
  const signal = keepalive ? undefined : AbortSignal.timeout(timeout);
  return fetch(url, { method: "POST", headers, body: JSON.stringify({ ...body, ...wanted(url) }), signal, keepalive });
}

/* How many items to hand out along with an answer: what is on the screen and ahead, and what is answered but not sent yet.
   Each comes with all its text, so of long ones more are asked for when half are used up; else every time, because the list
   that comes back also says what a manager has taken back. */
function wanted(url) {
  if (url !== setup.urls.annotations) return {};
  asked = !heavy || ahead.length < AHEAD || ahead.length <= hold / 2;
  return asked ? { next: Math.min(50, 1 + hold + Math.max(0, outbox.waiting - 1)) } : {};
}

function noteProgress(progress) {
  hold = progress.ahead ?? AHEAD;
  const round = progress.batch?.round ?? Math.max(telling.round, 0);
  if (setup.telling && round !== telling.round) fetchTelling(round); // a new run counts from the start
  showProgress(progress);
}

/* The words of the newest model, asked for once per round; for the items that come after, as what is being read stays as it is. */
async function fetchTelling(round) {
  const first = telling.round < 0;
  telling.round = round;
  try {
    const response = await fetch(setup.telling, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(15_000) });
    if (response.ok) telling.words = new Set((await response.json()).words.map((word) => word.toLowerCase()));
    if (first && current) draw(current);
  } catch { /* the next round */ }
}

/* Only where the strategy chose the item: what starts, measures or proves anything is read blind. */
function draw(item) {
  const words = item.purpose === "query" && telling.on ? telling.words : null;
  $("item-content").replaceChildren(render(item, words));
  $("telling").hidden = !(item.purpose === "query" && (telling.on ? $("item-content").querySelector("mark.telling") : telling.words.size));
  $("telling-text").textContent = telling.on ? "Marked: words that the model finds telling." : "The words that the model finds telling are not marked.";
  $("telling-switch").firstChild.data = telling.on ? "Hide them " : "Mark them ";
}

function saved() {
  showSaved(outbox, setup, ahead.length + (current ? 1 : 0));
}

const outbox = new Outbox(`alambic.outbox.${setup.user}.${setup.project}.`, {
  post,
  onSent(entry, answer) {
    if (answer.progress) noteProgress(answer.progress);
    if (entry.kind === "undo") returning.delete(entry.item);
    if (answer.outcome === "extra") announce(answer.message);
    if (answer.training) done.delete(entry.body.item); // the server knows of it, and a further try may ask it again
    if (answer.training) lesson.tell(entry.token, answer.training, entry.body.skipped ? "nothing" : `“${spokenValue(entry.body.value)}”`);
    if (entry.kind === "answer" && asked) take(answer.next ?? []);
  },
  onChange() {
    saved();
    if (lesson.token && outbox.refused.some((entry) => entry.token === lesson.token)) lesson.refused();
    outbox.refused.forEach((entry) => done.delete(entry.body.item)); // not stored: the item is still mine to answer
  },
});
outbox.entries.forEach((entry) => entry.kind === "answer" && done.add(entry.body.item));
panel.onAnswer((value) => answer(value));
const spokenValue = (value) => panel.spoken?.(value) ?? String(value);
/* After a lesson: the next item, in the place of the one that it was about. */
const lesson = new Lesson({ onGo() { if (!current || current.answered) { leave(); show(ahead.shift() ?? null); } else show(current); } });

function announce(text, seen = "") {
  $("live").textContent = text;
  $("said").textContent = $("said").title = seen;
}

/* The server's list is the truth about what I hold; answers that it has not got yet are left out of it. */
function take(items) {
  const here = current?.answered ? null : current?.item;
  const coming = ahead.filter((item) => returning.has(item.item)); // the server does not know yet that they are mine again
  const listed = items.filter((item) => !done.has(item.item) && item.item !== here && item.item !== away?.item?.item);
  ahead = [...coming, ...listed.filter((item) => !returning.has(item.item))];
  for (const item of items) if (Date.parse(item.lease_until) > (Date.parse(leaseUntil) || 0)) leaseUntil = item.lease_until;
  heavy = JSON.stringify(items).length > HEAVY;
  preload(ahead);
  if (!current && ahead.length) show(ahead.shift());
}

function show(item, before = null) {
  current = item;
  clearTimeout(pollTimer);
  $("item").hidden = $("answer").hidden = !item;
  if (item && $("training-note")) $("training-note").hidden = item.training?.n !== 1; // read once
  $("empty").hidden = Boolean(item);
  if (!item) return refill();
  draw(item);
  $("item-content").scrollTop = 0;
  zoom?.reset();
  $("purpose").textContent = setup.badges[item.purpose] ?? "Item";
  $("why").textContent = item.why;
  $("item-key").textContent = item.key;
  setFlag(before?.flagged ?? false);
  $("comment").value = before?.comment ?? "";
  $("comment-field").hidden = !before?.comment;
  $("comment-open").setAttribute("aria-expanded", String(Boolean(before?.comment)));
  $("suggestion").hidden = !setup.suggestions && !item.suggestion;
  $("suggestion").classList.toggle("none", !item.suggestion); // its place is kept, so that the labels stay where they are
  $("suggestion-label").textContent = item.suggestion ?? "";
  panel.show(item, before?.value ?? undefined);
  $("item").scrollIntoView({ block: "nearest" });
  timer.restart();
}

function answer(value, { skipped = false, reason = "" } = {}) {
  if (!current || lesson.open) return;
  // Half an emoji, which a limited field may cut off, is no text that a server could store.
  const comment = [reason, $("comment").value.trim()].filter(Boolean).join(". ").replace(/\p{Surrogate}/gu, "");
  const token = newToken();
  const flagged = $("flag").getAttribute("aria-pressed") === "true";
  const body = { assignment: current.assignment, item: current.item, seconds: timer.seconds, token, skipped, flagged, comment, user: setup.user, guidelines: setup.guidelines };
  body.suggested = current.suggestion ?? null;
  if (!skipped) body.value = value;
  if (!current.training) history.push({ token, item: current, value, flagged, comment, skipped });
  if (history.length > KEEP_HISTORY) history.shift();
  done.add(current.item);
  if (lesson.holds(current)) {
    current.answered = true;
    lesson.wait(token);
    return outbox.add({ kind: "answer", token, url: setup.urls.annotations, body });
  }
  const next = away ? away.item : ahead.shift() ?? null;
  leave();
  show(next); // first the eye, then the wire
  outbox.add({ kind: "answer", token, url: setup.urls.annotations, body });
  announce(`${skipped ? "Skipped" : `Labelled ${panel.spoken?.(value) ?? value}`}. ${next ? `Next: ${heard(next)}` : "No more items right now."}`);
}

function spoken(item) {
  if (item.image_url) return `image ${item.key}`;
  return typeof item.content === "string" ? item.content.slice(0, 300) : `row ${item.key}`;
}

function heard(item) {
  return spoken(item) + (item.suggestion ? `. The model would say ${item.suggestion}` : "");
}

/* One after the other: a second press while the server is asked goes back one further, and not the same one twice. */
let undoing = Promise.resolve();
const undo = () => { undoing = undoing.then(undoOne).catch(() => announce("Undo did not work. Try it again.", "Undo did not work. Try it again.")); };

async function undoOne() {
  const last = history.pop();
  if (!last) return current?.training ? tell("In the training an answer stands.") : undoOnServer();
  done.delete(last.item.item);
  if (!outbox.cancel(last.token)) {
    returning.add(last.item.item);
    outbox.add({ kind: "undo", token: last.token, item: last.item.item, url: setup.urls.undo, body: { token: last.token, user: setup.user } });
  }
  back(last.item, last);
}

/* Answers of an earlier visit: the server knows the last one. */
async function undoOnServer() {
  // The server's last answer is mine only when it has all of them.
  for (let i = 0; i < 20 && outbox.waiting && !outbox.offline; i++) await new Promise((go) => setTimeout(go, 100));
  if (outbox.waiting) return tell("What came before can be undone when your answers are sent.");
  try {
    const response = await post(setup.urls.undo, { user: setup.user });
    const found = await response.json();
    if (!response.ok || !found.item) return tell("There is nothing to undo.");
    done.delete(found.item.item);
    noteProgress(found.progress);
    back(found.item, { value: found.value ?? undefined, skipped: found.value === null });
  } catch {
    tell("Undo needs the connection.");
  }
}

function back(item, before) {
  ahead = ahead.filter((other) => other.item !== item.item);
  const here = away ? away.item : current;
  leave();
  if (here && here.item !== item.item) ahead.unshift(here);
  show(item, before);
  const what = before.skipped ? "the skip of" : `${panel.spoken?.(before.value) ?? before.value} for`;
  const words = spoken(item).replace(/\s+/g, " ");
  announce(`Undone: ${what} ${heard(item)}`, `Undone: ${what} “${words.length > 40 ? `${words.slice(0, 40)}…` : words}”`);
}

/* An earlier answer is on the screen: Esc goes back to where I was, an answer changes it and goes back too. */
function reopen(item, before) {
  away ??= { item: current };
  ahead = ahead.filter((other) => other.item !== item.item);
  show(item, before);
  $("changing").hidden = false;
  announce(`Your answer was ${before.skipped ? "a skip" : panel.spoken?.(before.value) ?? before.value}: ${spoken(item)}. Answer again to change it, Escape leaves it.`);
}

function leave() {
  away = null;
  $("changing").hidden = true;
}

function tell(text) {
  announce(text, text);
}

/* Asked at the start, and every two seconds while there is nothing: work appears by itself. */
async function refill() {
  clearTimeout(pollTimer);
  if (fetching) return;
  fetching = true;
  try {
    const response = await post(setup.urls.next, { count: Math.min(50, 1 + hold + outbox.waiting) });
    const body = await response.json();
    outbox.offline = false;
    if (response.ok) { outbox.held = null; take(body); }
    else outbox.held = { status: response.status, detail: body.detail ?? "" };
    if (response.ok && !current) await explain();
  } catch {
    outbox.offline = true;
    if (!current) showReason(unreachable());
  } finally {
    fetching = false;
  }
  saved();
  if (!current) pollTimer = setTimeout(refill, POLL);
}

/* The items at hand are used up, or there never were any. */
function unreachable() {
  const n = outbox.waiting;
  const safe = outbox.entries.every((entry) => entry.kept);
  const kept = n ? `Your ${n === 1 ? "answer is" : `${n} answers are`} kept in this browser${safe ? ", also when you close it," : ""} and sent when the connection is back. ` : "";
  return { title: "No connection to the server", text: `${kept}The items that were at hand are answered; the next ones come by themselves. Trying again every two seconds.` };
}

async function explain() {
  const response = await fetch(`${setup.urls.progress}?empty=true`, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(15_000) });
  if (!response.ok) return;
  const facts = await response.json();
  noteProgress(facts);
  if (!current) showReason(facts.empty);
}

function setFlag(on) {
  $("flag").setAttribute("aria-pressed", String(on));
}

const deeds = {
  undo,
  highlights() {
    if (!setup.telling) return;
    telling.on = !telling.on;
    if (current) draw(current);
    announce(telling.on ? "Telling words are marked." : "No words are marked.");
  },
  suggested: () => Boolean(current?.suggestion),
  take() { if (current?.suggestion) answer(current.suggestion); },
  skip() {
    if (!current) return;
    $("skip-own").value = "";
    $("skip-dialog").showModal();
  },
  flag() {
    if (!current) return;
    const on = $("flag").getAttribute("aria-pressed") !== "true";
    setFlag(on);
    announce(on ? "Flagged for a reviewer; answer as usual." : "Not flagged.");
  },
  comment() {
    if (!current) return;
    $("comment-field").hidden = false;
    $("comment-open").setAttribute("aria-expanded", "true");
    $("comment").focus();
  },
  leaveComment() {
    $("comment").blur();
    $("comment-field").hidden = !$("comment").value;
    $("comment-open").setAttribute("aria-expanded", String(!$("comment-field").hidden));
    document.querySelector("#panel [data-page-keys]")?.focus();
  },
  mine() { mine.toggle(); },
  escape() {
    if (mine.shown) mine.close();
    else if (away) {
      const { item } = away;
      leave();
      show(item);
      announce(item ? `Nothing was changed. Back at: ${heard(item)}` : "Nothing was changed.");
    } else return false;
    return true;
  },
  guidelines() {
    const panel = $("guidelines");
    panel.open = !panel.open;
    if (panel.open) panel.scrollIntoView({ block: "nearest" });
  },
  help() { showKeys(); $("help-dialog").showModal(); },
  zoom_in() { zoom?.in(); },
  zoom_out() { zoom?.out(); },
  zoom_fit() { zoom?.fit(); },
};

const mine = new Mine({ url: setup.urls.annotations, open: reopen, unsent: () => outbox.waiting, labeled: (value) => panel.spoken?.(value) ?? String(value) });
for (const [id, deed] of [["undo", "undo"], ["skip", "skip"], ["flag", "flag"], ["comment-open", "comment"], ["mine-open", "mine"], ["mine-close", "mine"], ["leave", "escape"], ["help-open", "help"], ["telling-switch", "highlights"]]) {
  $(id).addEventListener("click", (event) => { if (event.detail) event.currentTarget.blur(); deeds[deed](); });
}
$("suggestion-take").addEventListener("click", (event) => { if (event.detail < 2) deeds.take(); }); // the second half of a double click is not meant for the next item
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) return dialog.close();
    const reason = event.target.closest("[data-reason]");
    if (!reason) return;
    dialog.close();
    answer(null, { skipped: true, reason: reason.dataset.reason });
  });
}
$("skip-dialog").addEventListener("keydown", (event) => {
  const own = $("skip-own");
  if (event.target === own) {
    const reason = own.value.trim();
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if (!reason || event.repeat) return;
    $("skip-dialog").close();
    return answer(null, { skipped: true, reason });
  }
  if (event.key === own.dataset.key) { event.preventDefault(); return own.focus(); }
  const reason = $("skip-dialog").querySelectorAll("[data-reason]")[Number(event.key) || -1];
  if (reason && !event.repeat) { event.preventDefault(); reason.click(); }
});

/* On the buttons and in the help: the keys that hold in this project now. Where a label has all of them, none is printed. */
function showKeys() {
  for (const [action, own] of Object.entries(holding(setup.keys, panel))) {
    for (const place of document.querySelectorAll(`[data-keys-of="${action}"]`)) {
      const some = place.tagName === "KBD" ? own.slice(0, 1) : own;
      if (place.tagName === "KBD") { place.textContent = printed(some[0] ?? ""); place.hidden = !some.length; continue; }
      place.replaceChildren(...some.flatMap((key) => [Object.assign(document.createElement("kbd"), { textContent: printed(key) }), " "]));
    }
  }
}
$("trouble").addEventListener("click", (event) => {
  if (event.target.id === "retry") {
    outbox.refused.forEach((entry) => done.add(entry.body.item));
    outbox.retryRefused();
  }
  if (event.target.id === "discard") outbox.discardRefused();
});
showKeys();
listen({ panel, deeds, keys: setup.keys, look: (event) => zoom?.arrow(event.key) || scroll($("item-content"), event) });

window.addEventListener("beforeunload", (event) => {
  if (outbox.waiting) event.preventDefault();
});
window.addEventListener("pagehide", () => {
  if (outbox.waiting || !leaseUntil) return;
  post(setup.urls.release, { lease_until: leaseUntil }, 0, true).catch(() => {});
});
window.addEventListener("pageshow", (event) => { if (event.persisted) refill(); });
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && Date.parse(leaseUntil) < Date.now()) refill();
});
setInterval(async () => {
  if (!current || document.hidden || timer.idleFor > HEARTBEAT) return;
  try {
    const response = await post(setup.urls.heartbeat, {});
    if (response.ok) leaseUntil = (await response.json()).lease_until;
  } catch { /* the next one */ }
}, HEARTBEAT);

if (matchMedia("(max-width: 760px)").matches) $("guidelines").open = false;
saved();
outbox.pump();
refill();
fetch(setup.urls.progress, { headers: { Accept: "application/json" } }).then((r) => r.ok && r.json()).then((p) => p && noteProgress(p)).catch(() => {});
