/* The panel of a task: the part of the page in which a person answers. The page (label.js) knows nothing of what an answer is.

A task's template (templates/annotation/tasks/_<name>.html) has one element
    <div id="panel" data-module="{% static 'annotation/tasks_<name>.js' %}"> ... </div>
and that module, loaded once when the page is, exports

    show(item, before)  An item has come: clear what was chosen. `item` is what REST gives (annotation/api.py, item_payload; its
                        content is painted in #item-content already). `before` is the value answered earlier, after an undo
                        or a change, else undefined: show it, do not send it.
    value()             What is chosen now, in the form that REST takes; undefined where nothing is chosen yet.
    onAnswer(callback)  Keep `callback` and call it with the value when the person has answered; the next item is then shown
                        before the call returns. Never call it twice for one item.
    keys()              A Map {key: function} of the keys that are the panel's now, as `event.key` in lower case. They come
                        before the page's own keys. Read again at every key press, so it may change with what is chosen. The
                        function gets the event; one with `repeats` is called again while its key is held down.
    spoken(value)       Optional: the value in words, for screen readers; without it String(value).

A text field of the panel in which the page's keys (not the panel's) shall work while it is empty has the attribute
data-page-keys. Labels are in the setup: JSON.parse(document.getElementById("setup").textContent).labels, [{name, hotkey}].
*/

const NEEDED = ["show", "value", "onAnswer", "keys"];

/* The module of the task on this page; an error names what it lacks. */
export async function loadPanel() {
  const address = document.getElementById("panel").dataset.module;
  const panel = await import(address);
  const missing = NEEDED.filter((name) => typeof panel[name] !== "function");
  if (missing.length) throw new Error(`${address} does not export ${missing.join(", ")}`);
  return panel;
}
