/* One key per deed. Keys go by the character, not by the place on a keyboard; a key of the panel is always the panel's. */

const TYPING = "input, textarea, select, [contenteditable]";

export function listen({ panel, deeds }) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const target = event.target instanceof Element ? event.target : document.body;
    const inEmptyField = target.matches("[data-page-keys]") && target.value === "";
    const undoing = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
    if (event.key === "Escape" && target.id === "comment") { deeds.leaveComment(); event.preventDefault(); return; }
    if (target.closest(TYPING) && !inEmptyField) return;
    if (!undoing && !event.getModifierState("AltGraph") && (event.ctrlKey || event.metaKey || event.altKey)) return;
    const panels = inEmptyField || undoing ? undefined : panel.keys().get(event.key.toLowerCase());
    if (panels && !(target.closest("button, a, summary") && event.key === "Enter")) {
      if (!event.repeat) panels();
      event.preventDefault();
      return;
    }
    const deed = undoing ? deeds.undo : { Backspace: deeds.undo, "-": deeds.skip, "!": deeds.flag, "+": deeds.comment,
      ".": deeds.guidelines, "?": deeds.help }[event.key];
    if (!deed) return;
    event.preventDefault();
    if (!event.repeat || deed === deeds.undo) deed();
  });
}
