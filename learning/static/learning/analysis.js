// The page of an analysis asks for news every 2 s. The grid's cells travel as a letter each and are changed one by one; a panel is
// replaced only when it reads differently, with what is open, scrolled and focused in it kept. The report comes by htmx.

import "./confirm.js";
import { setClock, tick } from "./ticking.js";

const EVERY = 2000;
const live = document.getElementById("live");
const connection = document.getElementById("connection");
const report = () => document.getElementById("report");

// What a reader did to a part of the page, so that it can be done again after the part was replaced.
function reading(before) {
  const focusable = (element) => [...element.querySelectorAll("a, button, summary, select, input, [tabindex]")];
  const open = [...before.querySelectorAll("details")].map((d) => d.open);
  const scrolled = [...before.querySelectorAll(".scroll, .log")].map((s) => [s.scrollLeft, s.scrollTop]);
  const focused = before.contains(document.activeElement) ? focusable(before).indexOf(document.activeElement) : -1;
  return (element) => {
    element.querySelectorAll("details").forEach((d, i) => { d.open = open[i] ?? d.open; });
    element.querySelectorAll(".scroll, .log").forEach((s, i) => { [s.scrollLeft, s.scrollTop] = scrolled[i] ?? [0, 0]; });
    if (focused >= 0) focusable(element)[focused]?.focus({ preventScroll: true });
  };
}

// --- The report: what was open in it stays open while the target moves

let restore = null;
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.detail.target.id.startsWith("report")) return; // of another part of the page
  if (event.detail.target.id === "report-body") restore = reading(event.detail.target);
  // Logged out meanwhile: to the login page, not the login into the report.
  if (!new URL(event.detail.xhr.responseURL).pathname.endsWith("/report/")) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});
document.body.addEventListener("htmx:afterSwap", () => {
  const body = document.getElementById("report-body");
  if (restore && body) restore(body);
  restore = null;
});
document.addEventListener("input", (event) => {
  if (event.target.id === "report-target") document.getElementById("target-shown").textContent = event.target.value;
});

// --- The live part

function begin() {
  const data = JSON.parse(document.getElementById("analysis-data").textContent);
  let { version, metric, codes } = data;
  let over = Boolean(live.dataset.over);
  const panels = {};
  for (const element of document.querySelectorAll("[data-panel]")) panels[element.dataset.panel] = { element, html: null };
  const cells = [...document.querySelectorAll("#trials td.t")];
  const done = [...document.querySelectorAll("#trials [data-done]")];

  function showCells(news) {
    for (let i = 0; i < cells.length; i += 1) {
      if (news[i] === codes[i]) continue;
      const cell = cells[i];
      const state = data.states[news[i]];
      cell.className = `t t${news[i]}`;
      cell.title = cell.title.replace(/: [^:]*$/, `: ${state.label}`);
      cell.textContent = news[i] === "f" ? "" : state.mark;
      if (news[i] === "f") {
        const link = document.createElement("a");
        link.href = live.dataset.trial.replace("/0/", `/${cell.dataset.pk}/`);
        link.textContent = state.mark;
        link.setAttribute("aria-label", "failed: why");
        cell.append(link);
      }
    }
    codes = news;
  }

  function show(news) {
    version = news.version;
    setClock(news.now);
    if (news.codes.length !== codes.length) location.reload(); // the plan was begun: the page has another shape
    showCells(news.codes);
    done.forEach((cell, i) => { if (cell.textContent !== news.done[i]) cell.textContent = news.done[i]; });
    for (const [name, html] of Object.entries(news.panels)) {
      const panel = panels[name];
      // When it is over the curves are in the report; those that are shown stay where they are.
      if (!panel || panel.html === html || (name === "curves" && news.over)) continue;
      const again = reading(panel.element);
      panel.element.innerHTML = html;
      panel.html = html;
      again(panel.element);
    }
    if (news.over && !over && report()) window.htmx.ajax("GET", `${live.dataset.report}?metric=${metric}`, { target: "#report", swap: "outerHTML" });
    over = news.over;
    tick();
  }

  async function ask() {
    const response = await fetch(`${live.dataset.url}?version=${version}&metric=${metric}`, { headers: { Accept: "application/json" }, redirect: "manual", signal: AbortSignal.timeout(20000) });
    if (response.type === "opaqueredirect") location.reload(); // logged out meanwhile: to the login page, and back here
    if (response.status === 204) return;
    if (!response.ok) throw new Error(`answer ${response.status}`);
    show(await response.json());
  }

  async function look() {
    try {
      await ask();
      connection.hidden = true;
    } catch {
      connection.hidden = false; // the page keeps what it shows
    }
  }

  async function loop() {
    if (!document.hidden) await look();
    setTimeout(loop, EVERY);
  }

  document.getElementById("live-metric")?.addEventListener("change", (event) => {
    metric = event.target.value;
    history.replaceState(null, "", `?metric=${metric}`);
    look();
  });
  setClock(live.dataset.now);
  tick();
  setTimeout(loop, EVERY);
}

if (live) begin();
