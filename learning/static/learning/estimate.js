// The estimate of a draft looks for itself until it is there. Without this, loading the page again does the same.

const EVERY = 1000;
const waits = (card) => ["lost", "queued", "measuring", "away"].includes(card.dataset.state);

async function look() {
  const card = document.getElementById("estimate");
  if (!card || !waits(card)) return;
  try {
    const response = await fetch(card.dataset.url, { redirect: "manual" });
    if (response.type === "opaqueredirect") location.reload(); // started meanwhile, or logged out
    if (response.ok) {
      const now = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("estimate");
      // What reads the same stays, so that the keyboard's place on a button is kept.
      if (now && now.dataset.state !== card.dataset.state) {
        const focused = card.contains(document.activeElement) ? document.activeElement.textContent : null;
        card.replaceWith(now);
        if (focused) [...now.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
      }
    }
  } catch { /* the connection is away: the next look may find it */ }
  setTimeout(look, EVERY);
}

look();
