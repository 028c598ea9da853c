// The outline: the network as a tree of rows, of which those in sight are in the page. It is the diagram for the keyboard and
// for screen readers, and folds with it.

const ROW = 26;

function makeOutline(actions) {
  const tree = byId("outline");
  const holder = byId("rows");
  let rows = [];
  let active = 0;
  let lit = { chosen: null, keys: new Set() };

  function rowsOf(model, unfolded) {
    const found = [];
    const put = (level, key, name, note, stage, isOpen, position, total) =>
      found.push({ level, key, name, note, stage, isOpen, position, total });
    const putPart = (part, level, position, total) => {
      const isOpen = unfolded.has(part.key);
      put(level, part.key, part.name, dims(output(part).dims), part.stage, isOpen, position, total);
      if (!isOpen) return;
      part.layers.forEach((layer, at) =>
        put(level + 1, layer.key, layer.local, layer.operator.label, part.stage, null, at + 1, part.layers.length));
    };
    model.groups.forEach((group, at) => {
      if (group.stage < 0) putPart(group.parts[0], 1, at + 1, model.groups.length);
      else {
        const isOpen = unfolded.has(group.key);
        put(1, group.key, group.name, `×${group.parts.length}`, group.stage, isOpen, at + 1, model.groups.length);
        if (isOpen) group.parts.forEach((part, nth) => putPart(part, 2, nth + 1, group.parts.length));
      }
    });
    return found;
  }

  function draw() {
    const first = Math.max(0, Math.floor(tree.scrollTop / ROW) - 8);
    const last = Math.min(rows.length, first + Math.ceil(tree.clientHeight / ROW) + 16);
    const seen = new Set();
    for (let at = first; at < last; at += 1) seen.add(at);
    if (rows.length) seen.add(active);
    holder.style.height = `${rows.length * ROW}px`;
    holder.replaceChildren(...[...seen].sort((a, b) => a - b).map(drawRow));
    if (rows.length) tree.setAttribute("aria-activedescendant", `row-${active}`);
  }

  function drawRow(at) {
    const row = rows[at];
    const isParent = row.isOpen !== null;
    const node = element(
      "div",
      {
        id: `row-${at}`,
        role: "treeitem",
        class: `row ${colour(row.stage)} level-${row.level}`,
        "aria-level": row.level,
        "aria-posinset": row.position,
        "aria-setsize": row.total,
        "aria-expanded": isParent ? String(row.isOpen) : null,
        "aria-selected": String(row.key === lit.chosen),
        "data-at": at,
      },
      element("span", { class: isParent ? `twist ${row.isOpen ? "open" : ""}` : "twist none", "aria-hidden": "true" }),
      element("span", { class: "label" }, row.name),
      element("span", { class: "note" }, row.note),
    );
    node.classList.toggle("active", at === active);
    node.classList.toggle("lit", lit.keys.has(row.key));
    node.style.top = `${at * ROW}px`;
    return node;
  }

  function goTo(at) {
    if (!rows.length) return;
    active = Math.min(rows.length - 1, Math.max(0, at));
    const top = active * ROW;
    if (top < tree.scrollTop) tree.scrollTop = top;
    if (top + ROW > tree.scrollTop + tree.clientHeight) tree.scrollTop = top + ROW - tree.clientHeight;
    draw();
  }

  function parentOf(at) {
    let found = at;
    while (found > 0 && rows[found].level >= rows[at].level) found -= 1;
    return found;
  }

  const page = () => Math.max(1, Math.floor(tree.clientHeight / ROW) - 1);
  const KEYS = {
    ArrowDown: () => goTo(active + 1),
    ArrowUp: () => goTo(active - 1),
    PageDown: () => goTo(active + page()),
    PageUp: () => goTo(active - page()),
    Home: () => goTo(0),
    End: () => goTo(rows.length - 1),
    ArrowRight: (row) => (row.isOpen === false ? actions.toggle(row.key) : row.isOpen && goTo(active + 1)),
    ArrowLeft: (row) => (row.isOpen ? actions.toggle(row.key) : goTo(parentOf(active))),
    Enter: (row) => actions.choose(row.key),
    " ": (row) => actions.choose(row.key),
  };
  tree.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key] || !rows.length) return;
    event.preventDefault();
    KEYS[event.key](rows[active]);
  });
  tree.addEventListener("click", (event) => {
    const node = event.target.closest("[data-at]");
    if (!node) return;
    active = Number(node.dataset.at);
    if (event.target.closest(".twist:not(.none)")) actions.toggle(rows[active].key);
    else actions.choose(rows[active].key);
  });
  tree.addEventListener("dblclick", (event) => {
    const node = event.target.closest("[data-at]");
    if (node && rows[active].isOpen !== null && !event.target.closest(".twist")) actions.toggle(rows[active].key);
  });
  tree.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(draw).observe(tree);

  return {
    show(model, unfolded) {
      const key = rows[active] ? rows[active].key : null;
      rows = rowsOf(model, unfolded);
      const again = rows.findIndex((row) => row.key === key);
      active = again < 0 ? Math.min(active, rows.length - 1) : again;
      byId("outline-count").textContent = plural(model.layers.length, "layer");
      draw();
    },
    light(chosen, keys) {
      lit = { chosen, keys };
      const at = rows.findIndex((row) => row.key === chosen);
      if (at >= 0) goTo(at);
      else draw();
    },
  };
}
