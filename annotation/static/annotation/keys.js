/* One key per deed. Keys go by the character, not by the place on a keyboard; a key that a label has is always the label's. */

const TYPING = "input, textarea, select, [contenteditable]";

export function listen({ labels, answer, deeds, search }) {
  const byKey = new Map(labels.filter((label) => label.hotkey).map((label) => [label.hotkey, label.name]));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const target = event.target instanceof Element ? event.target : document.body;
    const inSearch = search && target === search.input;
    const undoing = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
    if (event.key === "Escape" && target.id === "comment") { deeds.leaveComment(); event.preventDefault(); return; }
    if (target.closest(TYPING) && !(inSearch && search.input.value === "")) return;
    if (!undoing && !event.getModifierState("AltGraph") && (event.ctrlKey || event.metaKey || event.altKey)) return;
    if (!inSearch && byKey.has(event.key.toLowerCase()) && !undoing) {
      if (!event.repeat) answer(byKey.get(event.key.toLowerCase()));
      event.preventDefault();
      return;
    }
    const deed = undoing ? deeds.undo : { Backspace: deeds.undo, "-": deeds.skip, "!": deeds.flag, "+": deeds.comment,
      ".": deeds.guidelines, "?": deeds.help, "/": search ? () => search.input.focus() : null }[event.key];
    if (!deed) return;
    event.preventDefault();
    if (!event.repeat || deed === deeds.undo) deed();
  });
}
