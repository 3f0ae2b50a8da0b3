// The list of runs renews itself by htmx; this adds the ticking clocks and says when the connection is lost.

import { setClock, tick } from "./ticking.js";

const connection = document.getElementById("connection");

function renewed() {
  setClock(document.getElementById("runs")?.dataset.now);
  tick();
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  // Nobody looks: nothing is asked. The first tick after the tab is shown again asks.
  if (document.hidden && event.detail.elt.id === "runs") event.preventDefault();
});
document.body.addEventListener("htmx:beforeSwap", (event) => {
  // Logged out meanwhile: the whole page goes to the login, not the login into the list.
  if (!new URL(event.detail.xhr.responseURL).searchParams.has("version")) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});
document.body.addEventListener("htmx:afterSwap", renewed);
document.body.addEventListener("htmx:afterRequest", (event) => {
  connection.hidden = event.detail.successful;
});
document.body.addEventListener("htmx:sendError", () => { connection.hidden = false; });
renewed();
