// Keys of the review page: a label's key decides, n goes on, c comments. Escape leaves the comment.
// A decision is sent once: a key pressed while the next item is on its way belongs to that one, which nobody has seen yet.
let sent = false;
window.addEventListener("pageshow", () => { sent = false; });
document.addEventListener("submit", (event) => {
  if (sent) event.preventDefault();
  sent = true;
});

document.addEventListener("keydown", (event) => {
  if (sent) return;
  const typing = event.target.closest("input, textarea, select");
  if (typing && event.key === "Escape") typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  const label = [...document.querySelectorAll("[data-review] [data-key]")].find((button) => button.dataset.key === key);
  const next = document.querySelector("[data-next]");
  const comment = document.getElementById("comment");
  if (label) label.click();
  else if (key === "n" && next) next.click();
  else if (key === "c" && comment) comment.focus();
  else return;
  event.preventDefault();
});
