/* One key per deed. Keys go by the character, not by the place on a keyboard; a key of the panel is always the panel's. */

const TYPING = "input, textarea, select, [contenteditable]";
const NAMES = { Backspace: "⌫", " ": "Space" };

const plain = (key) => (key.length === 1 ? key.toLowerCase() : key);
export const printed = (key) => NAMES[key] ?? key;

/* The keys of an action that hold now: `keys` is {action: [key]}, and what a label has is taken away. */
export function holding(keys, panel) {
  const taken = panel.keys();
  return Object.fromEntries(Object.entries(keys).map(([action, own]) => [action, own.filter((key) => !taken.has(key.toLowerCase()))]));
}

/* `look(event)`: a key that neither the panel nor the page has may scroll or move what is looked at; true where it did. */
export function listen({ panel, deeds, keys, look }) {
  const actionOf = new Map(Object.entries(keys).flatMap(([action, own]) => own.map((key) => [plain(key), action])));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const target = event.target instanceof Element ? event.target : document.body;
    const inEmptyField = target.matches("[data-page-keys]") && target.value === "";
    const undoing = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
    if (event.key === "Escape" && target.id === "comment") { deeds.leaveComment(); event.preventDefault(); return; }
    if (event.key === "Escape" && !target.closest(TYPING) && deeds.escape()) { event.preventDefault(); return; }
    const paging = target.matches("[data-page-keys]") && (event.key === "PageDown" || event.key === "PageUp");
    if (target.closest(TYPING) && !inEmptyField && !paging) return;
    if (inEmptyField && /^[\p{L}\p{N}]$/u.test(event.key) && !undoing) return; // the first letter of a search
    if (inEmptyField && event.key === "/") { event.preventDefault(); return; } // the search is where it leads to
    if (!undoing && !event.getModifierState("AltGraph") && (event.ctrlKey || event.metaKey || event.altKey)) return;
    const panels = inEmptyField || undoing ? undefined : panel.keys().get(event.key.toLowerCase());
    if (panels && !(target.closest("button, a, summary") && event.key === "Enter")) {
      if (!event.repeat || panels.repeats) panels(event);
      event.preventDefault();
      return;
    }
    const taking = event.key === "Enter" && !target.closest("button, a, summary") && deeds.suggested();
    const deed = deeds[undoing ? "undo" : taking ? "take" : actionOf.get(plain(event.key))];
    const pressing = target.closest("button, a, summary") && event.key === " ";
    if (!deed && !pressing && !target.closest(".lb-side") && look(event)) event.preventDefault();
    if (!deed) return;
    event.preventDefault();
    if (!event.repeat || deed === deeds.undo) deed();
  });
}
