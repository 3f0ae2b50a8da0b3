// The form works without this; with it, only the settings of what is chosen are in sight.

const form = document.getElementById("run-form");

function show() {
  for (const row of form.querySelectorAll("[data-row]")) {
    const ticked = row.querySelector("input[type=checkbox]").checked;
    for (const part of row.querySelectorAll("[data-row-settings]")) part.hidden = !ticked;
  }
  for (const option of form.querySelectorAll("[data-repeat-of]")) {
    const rows = [...form.querySelectorAll(`[data-row="${option.dataset.repeatOf}"] input[type=checkbox][data-switch]`)];
    option.hidden = !rows.at(-1)?.checked;
  }
  for (const choice of form.querySelectorAll("[data-choice]")) {
    const chosen = choice.querySelector(`input[name="${choice.dataset.choice}"]:checked`)?.value;
    for (const panel of choice.querySelectorAll("[data-panel-of]")) panel.hidden = panel.dataset.panelOf !== chosen;
  }
}

form.addEventListener("change", show);
// One more row came: it is ticked, so what the form means has changed.
document.body.addEventListener("htmx:afterSettle", (event) => {
  show();
  if (event.detail.elt.classList.contains("entry")) form.dispatchEvent(new Event("change"));
});
show();

// A message is useless inside a closed fold.
document.querySelectorAll("details:has(.errorlist)").forEach((details) => { details.open = true; });
document.getElementById("problems")?.focus();

// Two clicks on Start are one analysis.
let sent = false;
form.addEventListener("submit", (event) => {
  if (sent) event.preventDefault();
  sent = true;
});
window.addEventListener("pageshow", () => { sent = false; });
