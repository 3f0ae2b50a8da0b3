// The list of suspicious labels: j and k go from row to row, a asks again, r says that it is right. While the model looks, the page
// asks whether it is done, and is loaded again then; without this, loading it by hand does the same.

const EVERY = 2000;
const rows = [...document.querySelectorAll("[data-suspicious]")];
const can = (row, action) => row && row.querySelector(`button[value="${action}"]`);
let at = rows.findIndex((row) => can(row, "ask") || can(row, "right"));

function go(to) {
  at = Math.max(0, Math.min(rows.length - 1, to));
  rows[at].querySelector("a").focus();
}

document.addEventListener("focusin", (event) => {
  const row = rows.findIndex((one) => one.contains(event.target));
  if (row >= 0) at = row;
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  const here = rows.includes(document.activeElement?.closest("[data-suspicious]"));
  if (!rows.length) return;
  if (key === "j") go(here ? at + 1 : Math.max(at, 0));
  else if (key === "k") go(at - 1);
  else if (key === "a" && can(rows[at], "ask")) can(rows[at], "ask").click();
  else if (key === "r" && can(rows[at], "right")) can(rows[at], "right").click();
  else return;
  event.preventDefault();
});

const looking = document.querySelector("[data-looking]");

async function look() {
  try {
    const response = await fetch(looking.dataset.looking, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10000) });
    if ([401, 403, 404].includes(response.status)) location.reload(); // logged out, or no member any more
    if (response.ok && (await response.json()).search?.status !== "running") location.reload();
  } catch { /* the connection is away: the next look may find it */ }
  setTimeout(look, EVERY);
}

if (looking) setTimeout(look, EVERY);
