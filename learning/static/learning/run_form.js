// The form works without this; with it, only the settings of what is chosen are in sight.

for (const choice of document.querySelectorAll("[data-choice]")) {
  const show = () => {
    const chosen = choice.querySelector(`input[name="${choice.dataset.choice}"]:checked`)?.value;
    for (const panel of choice.querySelectorAll("[data-panel-of]")) panel.hidden = panel.dataset.panelOf !== chosen;
  };
  choice.addEventListener("change", show);
  show();
}

for (const criterion of document.querySelectorAll("[data-criterion]")) {
  const box = criterion.querySelector("input[type=checkbox]");
  const show = () => { criterion.querySelector("[data-criterion-fields]").hidden = !box.checked; };
  box.addEventListener("change", show);
  show();
}

// A message is useless inside a closed fold.
document.querySelectorAll("details:has(.errorlist)").forEach((details) => { details.open = true; });
document.getElementById("problems")?.focus();

// Two clicks on Start are one run.
let sent = false;
document.getElementById("run-form").addEventListener("submit", (event) => {
  if (sent) event.preventDefault();
  sent = true;
});
window.addEventListener("pageshow", () => { sent = false; });
