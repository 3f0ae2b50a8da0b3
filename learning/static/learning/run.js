// The page of one run asks for news every 1.5 s. Only new rounds travel; a panel is replaced only when it reads differently.

import "./confirm.js";
import { drawTimeline, onThemeChange } from "./charts.js";
import { Curve } from "./curve.js";
import { setClock, tick } from "./ticking.js";

const EVERY = 1500;
const live = document.getElementById("live");
const connection = document.getElementById("connection");
const data = JSON.parse(document.getElementById("run-data").textContent);
const curve = new Curve(data);
let version = data.version;
const panels = {};
for (const element of document.querySelectorAll("[data-panel]")) panels[element.dataset.panel] = { element, html: null };

function drawTime() {
  const timed = curve.rounds.filter((r) => Object.keys(r.timings).length);
  document.getElementById("timeline-empty").hidden = timed.length > 0;
  document.getElementById("timeline").hidden = timed.length === 0;
  if (timed.length) drawTimeline(document.getElementById("timeline"), timed);
}

function show(news) {
  version = news.version;
  setClock(news.now);
  for (const [name, html] of Object.entries(news.panels)) {
    const panel = panels[name];
    if (!panel || panel.html === html) continue;
    const open = [...panel.element.querySelectorAll("details")].map((d) => d.open);
    const focused = panel.element.contains(document.activeElement) ? [...panel.element.querySelectorAll("a, button, summary")].indexOf(document.activeElement) : -1;
    panel.element.innerHTML = html;
    panel.html = html;
    panel.element.querySelectorAll("details").forEach((d, i) => { d.open = open[i] ?? false; });
    if (focused >= 0) panel.element.querySelectorAll("a, button, summary")[focused]?.focus();
  }
  curve.setMetrics(news.state.metrics);
  if (news.rounds.length) {
    curve.add(news.rounds);
    drawTime();
  }
  tick();
}

async function ask() {
  const since = curve.rounds.at(-1)?.round ?? 0;
  const response = await fetch(`${live.dataset.url}?since=${since}&version=${version}`, { headers: { Accept: "application/json" }, redirect: "manual", signal: AbortSignal.timeout(10000) });
  if (response.type === "opaqueredirect") location.reload(); // logged out meanwhile: to the login page, and back here
  if (response.status === 204) return;
  if (!response.ok) throw new Error(`answer ${response.status}`);
  show(await response.json());
}

async function loop() {
  if (!document.hidden) {
    try {
      await ask();
      connection.hidden = true;
    } catch {
      connection.hidden = false; // the page keeps what it shows
    }
  }
  setTimeout(loop, EVERY);
}

setClock(live.dataset.now);
onThemeChange(drawTime);
drawTime();
tick();
setTimeout(loop, EVERY);
