/* What the page says beside the item: how far we are, whether all is saved, why there is nothing. */

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-GB");

function bar(id, text, share) {
  $(`${id}-text`).textContent = text;
  $(`${id}-bar`).style.width = `${Math.round(100 * Math.min(1, share))}%`;
}

export function showProgress({ mine_today, mine_total, batch, run }) {
  $("mine-today").textContent = number.format(mine_today);
  $("mine-total").textContent = number.format(mine_total);
  $("batch").hidden = !batch?.total;
  if (batch?.total) {
    const what = batch.round ? `The team's round ${batch.round}` : "The team's first items";
    bar("batch", `${what}: ${number.format(batch.answered)} of ${number.format(batch.total)} answered`, batch.answered / batch.total);
  }
  $("run").hidden = !run;
  if (run) {
    const of = run.budget ? ` of at most ${number.format(run.budget)}` : "";
    bar("run", `${run.name}: ${number.format(run.labels)}${of} labels`, run.budget ? run.labels / run.budget : 0);
    $("run-bar").parentElement.hidden = !run.budget;
  }
}

export function showReason({ title, text, link, since }) {
  $("empty-title").textContent = title;
  $("empty-text").textContent = text + (since ? ` It began ${ago(since)}.` : "");
  $("empty-link").replaceChildren();
  if (link) {
    const a = document.createElement("a");
    Object.assign(a, { href: link.url, textContent: link.text, className: "button quiet" });
    $("empty-link").append(a);
  }
}

function ago(since) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(since)) / 1000));
  return seconds < 90 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

/* `left`: items at hand, the one on the screen too. */
export function showSaved(outbox, setup, left) {
  const n = outbox.waiting;
  const [kind, text] = outbox.held ? ["bad", `${n ? `${n} kept in this browser` : "Not connected"}`]
    : outbox.offline ? ["warn", n ? `Offline: ${n} kept in this browser${left ? `, ${left} at hand` : ""}` : `Offline: ${left} at hand`]
    : n ? ["info live", `${n} waiting to be sent`] : ["good", "All saved"];
  $("saved").className = `lb-saved badge ${kind}`;
  if ($("saved-text").textContent !== text) $("saved-text").textContent = text;
  trouble(outbox, setup);
}

function trouble(outbox, setup) {
  const box = $("trouble");
  const { held, refused } = outbox;
  const key = JSON.stringify([held, outbox.waiting > 0, refused.map((entry) => entry.refused)]);
  if (box.dataset.key === key) return; // not announced again and again
  box.dataset.key = key;
  box.replaceChildren();
  const say = (...parts) => { const p = document.createElement("p"); p.append(...parts); box.append(p); };
  if (held) {
    const lost = held.status === 401 || /CSRF/.test(held.detail);
    const link = Object.assign(document.createElement("a"), { href: setup.login, target: "_blank", rel: "noopener", textContent: "Log in again in a new tab" });
    if (lost) say("You are logged out. ", link, outbox.waiting ? "; your answers are kept here and are sent as soon as you have." : ".");
    else say(held.detail || "The server does not accept answers from you now.", outbox.waiting ? " Your answers are kept in this browser." : "");
  }
  if (refused.length) {
    const button = (id, text) => Object.assign(document.createElement("button"), { id, type: "button", className: "linklike", textContent: text });
    say(`${refused.length === 1 ? "One answer was" : `${refused.length} answers were`} not accepted: ${refused[0].refused} `, button("retry", "Try again"), " ", button("discard", "Discard"));
  }
  box.hidden = !box.childElementCount;
}
