/* One item, large and readable: a text, an image, or a table row. */

const SMALL = 256; // an image with fewer pixels is shown enlarged, pixel by pixel
const SHOWN = 448;

/* `telling`: a set of words to mark in a text, in small letters. */
export function render(item, telling = null) {
  if (item.image_url) return image(item);
  if (item.content !== null && typeof item.content === "object") return row(item.content);
  return text(String(item.content ?? ""), telling);
}

export function preload(items) {
  for (const item of items) if (item.image_url) new Image().src = item.image_url;
}

/* A text that is longer than its card, by keys. False: nothing to scroll, or no key of scrolling. */
export function scroll(box, { key, shiftKey }) {
  const page = box.clientHeight * 0.85;
  const by = {
    PageDown: page, PageUp: -page, " ": shiftKey ? -page : page, ArrowDown: 60, ArrowUp: -60, End: box.scrollHeight, Home: -box.scrollHeight,
  }[key];
  if (!by || box.scrollHeight <= box.clientHeight + 1) return false;
  box.scrollBy(0, by);
  return true;
}

function text(content, telling) {
  const node = document.createElement("div");
  node.className = content.length < 160 ? "lb-text short" : "lb-text";
  node.dir = "auto";
  if (telling?.size) node.append(...marked(content, telling));
  else node.textContent = content;
  return node;
}

/* The text in pieces, its telling words in <mark>; never as HTML. Words as the learner cuts them: two letters or more. */
function marked(content, telling) {
  const pieces = [];
  let end = 0;
  for (const { 0: word, index } of content.matchAll(/[\p{L}\p{N}_]{2,}/gu)) {
    if (!telling.has(word.toLowerCase())) continue;
    pieces.push(content.slice(end, index), Object.assign(document.createElement("mark"), { className: "telling", textContent: word }));
    end = index + word.length;
  }
  return [...pieces, content.slice(end)];
}

function image(item) {
  const node = document.createElement("img");
  node.className = "lb-image";
  node.alt = `Image ${item.key}`;
  node.decoding = "async";
  node.addEventListener("load", () => {
    const longest = Math.max(node.naturalWidth, node.naturalHeight);
    if (longest > SMALL || !longest) return;
    // A whole number of the screen's pixels for each of the image's, so that all are squares of one size.
    const room = node.parentElement ? Math.min(SHOWN, node.parentElement.clientWidth, node.parentElement.clientHeight) : SHOWN;
    node.classList.add("pixels");
    node.style.width = `${node.naturalWidth * Math.max(1, Math.floor(room / longest))}px`;
  });
  node.addEventListener("error", () => {
    const note = document.createElement("p");
    note.className = "notice warn";
    note.textContent = "This image cannot be shown. Skip it as broken, or reload the page.";
    node.replaceWith(note);
  });
  node.src = item.image_url;
  return node;
}

function row(values) {
  const table = document.createElement("table");
  table.className = "lb-row";
  const body = table.createTBody();
  for (const [column, value] of Object.entries(values)) {
    const line = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = column;
    line.append(head);
    const cell = line.insertCell();
    const missing = value === null || value === "";
    cell.textContent = missing ? "empty" : String(value);
    cell.className = missing ? "soft" : typeof value === "number" ? "num-left" : "";
    cell.dir = "auto";
  }
  return table;
}
