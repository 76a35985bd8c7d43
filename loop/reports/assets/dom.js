// Elements. Every string becomes a text node: nothing from a campaign is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Put new children in place of what `node` holds. */
function put(node, ...children) {
  node.replaceChildren();
  return fill(node, null, children);
}

const byId = (id) => document.getElementById(id);

/** A table: `head` are titles or {title, right}, `rows` lists of cells (strings or nodes). */
function table(caption, head, rows, { className = "" } = {}) {
  const columns = head.map((one) => (typeof one === "string" ? { title: one } : one));
  return el(
    "div",
    { class: "wide", tabindex: 0, role: "region", "aria-label": caption },
    el(
      "table",
      { class: className },
      el("caption", null, caption),
      el(
        "thead",
        null,
        el(
          "tr",
          null,
          columns.map((c) => el("th", { scope: "col", class: c.right && "n" }, c.title)),
        ),
      ),
      el(
        "tbody",
        null,
        rows.map((row) =>
          el(
            "tr",
            null,
            row.map((cell, k) =>
              el(k ? "td" : "th", { scope: k ? null : "row", class: columns[k].right && "n" }, cell),
            ),
          ),
        ),
      ),
    ),
  );
}

/** Something that is drawn when it comes into sight, and again when it is dirty. */
const drawings = new Map();
const watcher = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const one = drawings.get(entry.target);
      if (!one) continue;
      one.isSeen = entry.isIntersecting;
      if (one.isSeen && one.isDirty) drawNow(one);
    }
  },
  { rootMargin: "400px" },
);

const resizer = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const one = drawings.get(entry.target);
    const width = Math.round(entry.contentRect.width);
    if (one && width && width !== one.width) {
      one.width = width;
      markDirty(entry.target);
    }
  }
});

function drawNow(one) {
  one.isDirty = false;
  one.draw();
}

function watch(node, draw) {
  drawings.set(node, { draw, isDirty: true, isSeen: false, width: 0 });
  watcher.observe(node);
  resizer.observe(node);
}

function markDirty(node) {
  const one = drawings.get(node);
  if (!one) return;
  one.isDirty = true;
  if (one.isSeen) drawNow(one);
}

/** Whether what is drawn now goes onto paper, which is narrower than most screens and shows what was never scrolled to. */
let isPaper = false;

function drawAll({ forPaper }) {
  isPaper = forPaper;
  for (const [node, one] of drawings)
    if (!node.isConnected) drawings.delete(node);
    else if (forPaper || one.isSeen) drawNow(one);
    else one.isDirty = true;
}
