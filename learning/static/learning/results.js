// Results: the curve, and the confusion matrix where it is too large for a table.

import { drawHeatmap, onThemeChange } from "./charts.js";
import { Curve } from "./curve.js";

const data = JSON.parse(document.getElementById("run-data").textContent);
new Curve(data);
const heatmap = document.getElementById("heatmap");
if (heatmap && data.confusion.length) {
  const draw = () => drawHeatmap(heatmap, data.confusion, data.classes);
  onThemeChange(draw);
  draw();
}
