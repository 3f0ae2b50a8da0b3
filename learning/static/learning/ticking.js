// "for 12 s", counted here and not by the server: the phase's start comes with the page, the server's clock with it.

let offset = 0;

export function setClock(serverNow) {
  if (serverNow) offset = new Date(serverNow) - Date.now();
}

export function elapsed(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function tick() {
  for (const element of document.querySelectorAll("time[data-tick]")) {
    const text = `for ${elapsed((Date.now() + offset - new Date(element.dateTime)) / 1000)}`;
    if (element.textContent !== text) element.textContent = text;
  }
}

setInterval(tick, 500);
