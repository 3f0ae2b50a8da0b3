// The charts of a run: learning curve with intervals, seconds by phase, confusion matrix. Plotly is loaded by the page.

// Okabe and Ito's colours, which the colour-blind can tell apart; yellow and black left out, so that all show on both grounds.
const COLORS = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"];
const DARK_COLORS = ["#F08A4B", "#56B4E9", "#2FCB9C", "#E3A3C8", "#9AD4F7", "#F3BE4D"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "cross"];
const PHASES = ["preparing", "training", "predicting", "evaluating", "selecting", "storing", "other"];
const dark = window.matchMedia("(prefers-color-scheme: dark)");

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colors = () => (dark.matches ? DARK_COLORS : COLORS);
const CONFIG = { displayModeBar: false, responsive: true };

export function onThemeChange(draw) {
  dark.addEventListener("change", draw);
}

function layout(extra) {
  const axis = { gridcolor: css("--line"), linecolor: css("--line-strong"), zerolinecolor: css("--line"), automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: css("--font"), size: 13, color: css("--ink") },
    margin: { l: 48, r: 12, t: 8, b: 44 },
    hoverlabel: { bgcolor: css("--raised"), bordercolor: css("--line-strong"), font: { color: css("--ink"), family: css("--font") } },
    ...extra, xaxis: { ...axis, ...extra.xaxis }, yaxis: { ...axis, ...extra.yaxis },
  };
}

const faded = (hex) => `rgba(${[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join(",")},.16)`;
export const number = (value) => (value === null || value === undefined ? "–" : value.toFixed(3));

// `shown`: [{name, label, index}]; a metric keeps its colour, dash and mark whatever else is shown.
export function drawCurve(element, rounds, shown, target) {
  const traces = [];
  for (const { name, label, index } of shown) {
    const points = rounds.filter((r) => r.metrics[name] && r.metrics[name].value !== null);
    const color = colors()[index % COLORS.length];
    const x = points.map((r) => r.labels);
    const banded = points.filter((r) => r.metrics[name].low !== null && r.metrics[name].low !== undefined);
    if (banded.length) {
      traces.push({
        x: [...banded.map((r) => r.labels), ...banded.map((r) => r.labels).reverse()],
        y: [...banded.map((r) => r.metrics[name].low), ...banded.map((r) => r.metrics[name].high).reverse()],
        fill: "toself", fillcolor: faded(color), line: { width: 0 }, mode: "lines", hoverinfo: "skip", showlegend: false, type: "scatter",
      });
    }
    traces.push({
      x, y: points.map((r) => r.metrics[name].value), name: label, type: "scatter", mode: "lines+markers",
      line: { color, width: 2.5, dash: DASHES[index % DASHES.length] },
      marker: { size: points.length > 60 ? 3 : 6, symbol: SYMBOLS[index % SYMBOLS.length], color },
      customdata: points.map((r) => [r.round, number(r.metrics[name].low), number(r.metrics[name].high), r.test]),
      hovertemplate: `<b>${label}: %{y:.3f}</b> (%{customdata[1]} to %{customdata[2]})<br>%{x} labels, round %{customdata[0]}, %{customdata[3]} test items<extra></extra>`,
    });
  }
  const shapes = target ? [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: target.value, y1: target.value, line: { color: css("--soft"), width: 1.5, dash: "dot" } }] : [];
  const annotations = target ? [{ xref: "paper", x: 0, y: target.value, text: target.text, showarrow: false, xanchor: "left", yanchor: "bottom", font: { size: 12, color: css("--soft") } }] : [];
  return window.Plotly.react(element, traces, layout({
    xaxis: { title: { text: "Labels learnt from" }, rangemode: "nonnegative" }, yaxis: { title: { text: "Score" } },
    showlegend: shown.length > 1, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, shapes, annotations, hovermode: "closest", uirevision: "keep",
  }), CONFIG);
}

export function drawTimeline(element, rounds) {
  const names = [...new Set([...PHASES, ...rounds.flatMap((r) => Object.keys(r.timings))])].filter((name) => rounds.some((r) => r.timings[name]));
  const traces = names.map((name) => {
    const index = PHASES.indexOf(name);
    return {
      type: "bar", name: name[0].toUpperCase() + name.slice(1), x: rounds.map((r) => r.round), y: rounds.map((r) => r.timings[name] || 0),
      marker: { color: name === "other" ? css("--line-strong") : colors()[(index < 0 ? 5 : index) % COLORS.length] },
      hovertemplate: `${name}: %{y:.3f} s<br>round %{x}<extra></extra>`,
    };
  });
  return window.Plotly.react(element, traces, layout({
    barmode: "stack", bargap: 0.15, xaxis: { title: { text: "Round" }, tickformat: "d", dtick: rounds.length < 12 ? 1 : undefined }, yaxis: { title: { text: "Seconds" }, rangemode: "tozero" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal" }, showlegend: true, uirevision: "keep",
  }), CONFIG);
}

export function drawHeatmap(element, matrix, names) {
  const side = Math.max(560, 13 * names.length) + 150;
  const shares = matrix.map((row) => { const total = row.reduce((a, b) => a + b, 0); return row.map((n) => (total ? n / total : 0)); });
  element.style.width = element.style.height = `${side}px`;
  const axis = { tickmode: "array", tickvals: names.map((_, i) => i), ticktext: names.map((name) => (name.length > 22 ? `${name.slice(0, 21)}…` : name)), tickfont: { size: 9.5 }, showgrid: false, automargin: true };
  return window.Plotly.react(element, [{
    type: "heatmap", z: shares, zmin: 0, zmax: 1, xgap: 1, ygap: 1,
    colorscale: [[0, css("--sunken")], [0.02, dark.matches ? "#123" : "#d7e6f2"], [1, dark.matches ? "#56B4E9" : "#00456f"]],
    customdata: matrix.map((row, i) => row.map((n, j) => [n, names[i], names[j]])), showscale: false,
    hovertemplate: "<b>%{customdata[0]}</b> of true <b>%{customdata[1]}</b><br>predicted <b>%{customdata[2]}</b> (%{z:.0%})<extra></extra>",
  }], layout({ width: side, height: side, xaxis: { ...axis, side: "top", tickangle: -90 }, yaxis: { ...axis, autorange: "reversed" }, margin: { l: 10, r: 10, t: 10, b: 10 } }), { displayModeBar: false });
}

// A PNG is read on paper too: it gets the page's own ground instead of none.
export async function savePng(element, name) {
  const spec = { data: element.data, layout: { ...element.layout, paper_bgcolor: css("--card"), plot_bgcolor: css("--card"), margin: { l: 60, r: 30, t: 40, b: 60 } } };
  await window.Plotly.downloadImage(spec, { format: "png", width: 1200, height: 700, scale: 2, filename: name });
}
