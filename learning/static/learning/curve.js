// The learning curve's card: which metrics are shown, the chart, the same as a table, and the PNG.

import { drawCurve, number, onThemeChange, savePng } from "./charts.js";

const get = (id) => document.getElementById(id);
const KEY = "alambic-metrics";

function remembered() {
  try { return JSON.parse(localStorage.getItem(KEY)); } catch { return null; }
}

export class Curve {
  constructor(data) {
    this.rounds = data.rounds;
    this.main = data.main_metric;
    this.metrics = [];
    this.setMetrics(data.metrics);
    get("curve-png").addEventListener("click", () => savePng(get("curve"), document.title.replace(/\W+/g, "-").toLowerCase()));
    onThemeChange(() => this.draw());
    this.draw();
  }

  setMetrics(metrics) {
    if (metrics.map((m) => m.name).join() === this.metrics.map((m) => m.name).join()) return;
    this.metrics = metrics.map((m, index) => ({ ...m, index }));
    const wanted = remembered() ?? [this.main];
    this.shown = new Set(metrics.map((m) => m.name).filter((name) => wanted.includes(name)));
    if (!this.shown.size && metrics.length) this.shown.add(metrics.some((m) => m.name === this.main) ? this.main : metrics[0].name);
    const choice = get("metric-choice");
    choice.querySelectorAll("label").forEach((label) => label.remove());
    for (const metric of this.metrics) {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: this.shown.has(metric.name) });
      box.addEventListener("change", () => this.toggle(metric.name, box));
      label.append(box, ` ${metric.label}`);
      choice.append(label);
    }
    choice.hidden = metrics.length < 2;
  }

  toggle(name, box) {
    if (box.checked) this.shown.add(name);
    else if (this.shown.size > 1) this.shown.delete(name);
    else box.checked = true; // an empty chart helps nobody
    try { localStorage.setItem(KEY, JSON.stringify([...this.shown])); } catch { /* private window: not remembered */ }
    this.draw();
  }

  add(rounds) {
    const last = this.rounds.at(-1)?.round ?? 0;
    this.rounds.push(...rounds.filter((r) => r.round > last));
    this.draw();
  }

  draw() {
    const measured = this.rounds.filter((r) => Object.keys(r.metrics).length);
    get("curve-empty").hidden = measured.length > 0;
    get("curve").hidden = get("curve-png").hidden = get("curve-table").hidden = measured.length === 0;
    if (!measured.length) return;
    const shown = this.metrics.filter((m) => this.shown.has(m.name));
    drawCurve(get("curve"), measured, shown, null);
    this.drawTable(measured, shown);
  }

  drawTable(rounds, shown) {
    const table = get("curve-table").querySelector("table");
    const row = (cells, tag) => {
      const tr = document.createElement("tr");
      for (const text of cells) tr.append(Object.assign(document.createElement(tag), { textContent: text }));
      return tr;
    };
    table.tHead.replaceChildren(row(["Round", "Labels", ...shown.map((m) => m.label)], "th"));
    const text = (score) => (score ? `${number(score.value)}${score.low === null || score.low === undefined ? "" : ` (${number(score.low)} to ${number(score.high)})`}` : "–");
    table.tBodies[0].replaceChildren(...rounds.map((r) => row([r.round, r.labels, ...shown.map((m) => text(r.metrics[m.name]))], "td")));
  }
}
