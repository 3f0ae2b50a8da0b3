/* What keeps people with a screen reader, a keyboard or weak eyes from using a page: a list of faults, each one line.

Our own measure of part of WCAG 2.2 AA: names, alternatives, headings, landmarks, ids, order of focus, contrast, visible focus. A page without faults here is not
proven accessible; a page with one is not. Press Tab once before: else the browser does not draw the focus of scripts. */
() => {
  const faults = new Set();
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const where = (node) => {
    const attributes = node.id ? `#${node.id}` : node.className?.baseVal ?? node.className ? `.${String(node.className?.baseVal ?? node.className).trim().split(/\s+/).join(".")}` : "";
    return `${node.localName}${attributes} "${(node.textContent || node.value || "").trim().replace(/\s+/g, " ").slice(0, 40)}"`;
  };
  const fault = (what, node) => faults.add(node ? `${what}: ${where(node)}` : what);
  const shown = (node) => node.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  const spoken = (node) => shown(node) && !node.closest("[aria-hidden=true], [inert]");
  const byIds = (ids) => ids.trim().split(/\s+/).map((id) => document.getElementById(id));

  // --- Names
  function textOf(node) {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || node.getAttribute("aria-hidden") === "true") return "";
    if (node.matches("style, script") || node.hidden) return "";
    return node.getAttribute("aria-label") || (node.matches("img") && node.alt) || [...node.childNodes].map(textOf).join(" ");
  }
  function nameOf(node) {
    const labeled = node.getAttribute("aria-labelledby");
    if (labeled) return byIds(labeled).map((other) => other?.textContent ?? "").join(" ").trim();
    if (node.getAttribute("aria-label")?.trim()) return node.getAttribute("aria-label");
    if (node.matches("input, select, textarea")) {
      if (node.matches("[type=submit], [type=button], [type=reset]") && node.value) return node.value;
      return [...(node.labels ?? [])].map(textOf).join(" ").trim() || node.title;
    }
    return textOf(node).trim() || node.title;
  }
  const controls = all("a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, [tabindex], [role=button], [role=link], [role=option]").filter(spoken);
  for (const node of controls) {
    const named = !node.matches("[tabindex]:not(a, button, input, select, textarea, summary)") || node.matches("[role]");
    if (named && !nameOf(node)) fault("has no name", node);
    if (Number(node.getAttribute("tabindex")) > 0) fault("has a tabindex above 0", node);
    if (node.parentElement.closest("a[href], button")) fault("is a control in a control", node);
  }
  for (const node of all("dialog, [role=dialog], [role=group], [role=listbox], [role=region], nav ~ nav").filter(spoken)) if (!nameOf(node) && !node.ariaLabel) fault("has no name", node);
  for (const node of all("img").filter(shown)) if (!node.hasAttribute("alt")) fault("has no alt", node);
  for (const node of all("svg, canvas").filter(spoken)) {
    if (node.parentElement.closest("svg, [role=img]") || node.id === "js-plotly-tester") continue;
    if (node.getAttribute("role") !== "img" && !nameOf(node)) fault("a drawing without role=img and a name", node);
    else if (!nameOf(node) && !node.querySelector(":scope > title")) fault("a drawing without a name", node);
  }

  // --- Structure
  if (!document.documentElement.lang) fault("no lang");
  if (!document.title.trim()) fault("no title");
  if (all("main, [role=main]").filter(shown).length !== 1) fault("not one main");
  const headings = all("h1, h2, h3, h4, h5, h6").filter(spoken);
  if (headings.filter((node) => node.localName === "h1").length !== 1) fault("not one h1");
  headings.reduce((before, node) => {
    const level = Number(node.localName[1]);
    if (level > before + 1) fault(`a heading of level ${level} after one of level ${before}`, node);
    if (!node.textContent.trim()) fault("an empty heading", node);
    return level;
  }, 0);
  const ids = new Set();
  for (const node of all("[id]")) {
    if (ids.has(node.id)) fault(`the id ${node.id} is there twice`);
    ids.add(node.id);
  }
  for (const name of ["aria-labelledby", "aria-describedby", "aria-controls", "aria-activedescendant", "for"]) {
    for (const node of all(`[${name}]`)) if (byIds(node.getAttribute(name)).includes(null)) fault(`${name} names nothing`, node);
  }
  for (const table of all("table").filter(spoken)) if (!table.querySelector("th") && table.rows.length > 1 && !table.closest("dialog")) fault("a table without headings", table);

  // --- Contrast
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  function parse(color) { // any colour of CSS as [r, g, b, a]
    if (!known.has(color)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(color, [r, g, b, a / 255]);
    }
    return known.get(color);
  }
  const over = ([r, g, b, a], under) => [r * a + under[0] * (1 - a), g * a + under[1] * (1 - a), b * a + under[2] * (1 - a), 1];
  const grounds = new Map();
  function groundOf(node) { // null: a picture, of which nothing is known
    if (!node) return parse(matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#ffffff");
    if (!grounds.has(node)) {
      const style = getComputedStyle(node);
      const color = parse(style.backgroundColor);
      const under = color[3] === 1 ? color : groundOf(node.parentElement);
      grounds.set(node, style.backgroundImage !== "none" ? null : under && over(color, under));
    }
    return grounds.get(node);
  }
  const luminance = (color) => {
    const [r, g, b] = color.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  function opacityOf(node) { return node ? Number(getComputedStyle(node).opacity) * opacityOf(node.parentElement) : 1; }
  function readable(node, style) {
    const ground = groundOf(node);
    if (!ground) return;
    const svg = node instanceof SVGElement;
    let ink = parse(svg ? style.fill : style.color);
    ink = over([...ink.slice(0, 3), ink[3] * opacityOf(node)], ground);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = contrast(ink, ground);
    if (found < (large ? 3 : 4.5) - 0.005) fault(`contrast ${found.toFixed(2)}`, node);
  }
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (seen.has(node) || !walker.currentNode.data.trim()) continue;
    seen.add(node);
    if (node.matches("script, style, noscript, option") || !shown(node) || node.closest(":disabled, [aria-disabled=true]")) continue;
    readable(node, getComputedStyle(node));
  }
  for (const node of all("input, select, textarea").filter(shown)) {
    if (node.matches(":disabled, [type=checkbox], [type=radio], [type=range], [type=color]")) continue;
    readable(node, node.placeholder && !node.value ? getComputedStyle(node, "::placeholder") : getComputedStyle(node));
  }

  // --- Visible focus
  const before = document.activeElement;
  for (const node of controls) {
    if (node.tabIndex < 0 || node.matches(":disabled, iframe")) continue;
    node.focus({ preventScroll: true });
    if (document.activeElement !== node) continue;
    const style = getComputedStyle(node);
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 1.5) { fault("its focus is not to be seen", node); continue; }
    const ground = groundOf(node.parentElement);
    if (ground && style.outlineColor !== "auto" && contrast(over(parse(style.outlineColor), ground), ground) < 3) fault("its focus is pale", node);
  }
  before?.focus?.({ preventScroll: true });
  return [...faults];
}
