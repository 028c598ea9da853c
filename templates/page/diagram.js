// The diagram: what is in the window is drawn, nothing else; moving and zooming change one transform.

const FAR = 0.34; // below this scale letters could not be read and are left out
const MANY = 1500; // from afar, more layers than these are left out, too
const NEAREST = 3;
const SLACK = 200; // how far beyond the window things are drawn

function makeDiagram(actions) {
  const frame = byId("diagram");
  const canvas = byId("canvas");
  const world = drawn("g", { id: "world" });
  const layerOf = { frames: drawn("g"), links: drawn("g"), units: drawn("g"), titles: drawn("g") };
  world.append(...Object.values(layerOf));
  canvas.append(
    drawn(
      "defs",
      {},
      drawn(
        "marker",
        {
          id: "arrow",
          viewBox: "0 0 8 8",
          refX: 7,
          refY: 4,
          markerWidth: 7,
          markerHeight: 7,
          orient: "auto",
        },
        drawn("path", { d: "M1 1L7 4L1 7" }),
      ),
    ),
    world,
  );
  const view = { x: 0, y: 0, scale: 1 };
  const shown = new Map(); // what is drawn, by key
  let model = null;
  let plan = null;
  let columns = null;
  let lit = { chosen: null, keys: new Set() };
  let waiting = false;
  let animation = 0;

  const size = () => ({ width: frame.clientWidth, height: frame.clientHeight });

  function draw() {
    waiting = false;
    const { width, height } = size();
    world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
    canvas.classList.toggle("far", view.scale < FAR);
    canvas.style.setProperty("--letters", `${12 / view.scale}px`); // of titles that are read from afar
    byId("zoom").textContent = `${Math.round(view.scale * 100)}%`;
    const slack = SLACK / view.scale;
    const left = -view.x / view.scale - slack;
    const top = -view.y / view.scale - slack;
    const right = left + width / view.scale + 2 * slack;
    const bottom = top + height / view.scale + 2 * slack;
    const isIn = (each) =>
      each.x < right && each.x + each.width > left && each.y < bottom && each.y + each.height > top;
    const open = plan.units.filter((unit) => unit.kind === "open" && isIn(unit));
    const isFar = view.scale < FAR && open.reduce((sum, unit) => sum + unit.thing.count, 0) > MANY;
    const wanted = new Map();
    const offer = (thing, kind, key) => {
      if (isIn(thing)) wanted.set(key, { thing, kind });
    };
    for (const each of plan.frames) {
      offer(each, "frames", `frame ${each.key}`);
      offer(each, "titles", `title ${each.key}`);
    }
    for (const each of plan.links) offer(each, "links", `link ${each.key}`);
    for (const each of plan.units)
      offer(each, "units", `${each.kind}${isFar ? " far" : ""} ${each.key}`);
    for (const [key, node] of shown) {
      if (!wanted.has(key)) {
        node.remove();
        shown.delete(key);
      }
    }
    for (const [key, { thing, kind }] of wanted) {
      if (shown.has(key)) continue;
      const node = DRAW[kind](thing, isFar);
      layerOf[kind].append(node);
      shown.set(key, node);
      mark(node);
    }
    for (const [key, { thing, kind }] of wanted)
      if (kind === "titles") writeTitle(shown.get(key), thing);
  }

  // The title of a stage, which is read from afar, too: as much of it as there is room for.
  function writeTitle(node, { group, width }) {
    const isFar = view.scale < FAR;
    const title = isFar ? group.name : `${group.name} · ${plural(group.parts.length, "block")}`;
    const room = isFar ? (width * view.scale - 8) / 7.5 : (width - 40) / 8.4;
    node.querySelector("text").textContent = room < 3 ? "" : cut(title, Math.floor(room));
    node.querySelector("text").setAttribute("x", isFar ? 6 / view.scale : 32);
  }

  function drawUnit(unit, isFar) {
    if (unit.kind === "pill") return drawPill(unit);
    if (unit.kind === "stage") return drawStage(unit);
    return unit.kind === "block" ? drawBlock(unit) : drawOpen(unit, model, isFar);
  }

  function drawFrame({ key, group, x, y, width, height }) {
    return drawn(
      "g",
      { class: `frame ${colour(group.stage)}`, transform: `translate(${x} ${y})` },
      drawn("rect", { width, height, rx: 12, class: "box", "data-key": key }),
    );
  }

  function drawTitle({ key, group, x, y }) {
    return drawn(
      "g",
      { class: `title ${colour(group.stage)}`, transform: `translate(${x} ${y})`, "data-key": key },
      label("", 32, 21, "strong", 0),
      folder(key, 18, 17, true),
    );
  }

  function drawLink(link) {
    return drawn("path", { d: linePath(link.points), class: "link", "marker-end": "url(#arrow)" });
  }

  const DRAW = { frames: drawFrame, titles: drawTitle, links: drawLink, units: drawUnit };

  function mark(node) {
    for (const each of [node, ...node.querySelectorAll("[data-key]")]) {
      const { key } = each.dataset;
      if (!key) continue;
      each.classList.toggle("chosen", key === lit.chosen);
      each.classList.toggle("lit", lit.keys.has(key));
    }
  }

  function later() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }

  function moveTo(target) {
    stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches || document.hidden) {
      Object.assign(view, target);
      later();
      return;
    }
    const from = { ...view };
    const start = performance.now();
    const step = (now) => {
      const part = Math.min(1, Math.max(0, (now - start) / 180));
      const eased = 1 - (1 - part) ** 3;
      for (const name of Object.keys(view))
        view[name] = from[name] + (target[name] - from[name]) * eased;
      draw();
      if (part < 1) animation = requestAnimationFrame(step);
    };
    animation = requestAnimationFrame(step);
  }

  function zoomBy(factor, x = size().width / 2, y = size().height / 2) {
    const scale = Math.min(NEAREST, Math.max(0.02, view.scale * factor));
    const change = scale / view.scale;
    Object.assign(view, { scale, x: x - (x - view.x) * change, y: y - (y - view.y) * change });
    later();
  }

  function panBy(x, y) {
    view.x += x;
    view.y += y;
    later();
  }

  // The view in which all is seen in a window of a size.
  function fitted({ width, height } = size()) {
    const margin = 20;
    const foot = 46; // the legend
    const scale = Math.min(
      1.25,
      (width - 2 * margin) / plan.width,
      (height - margin - foot) / plan.height,
    );
    return {
      scale,
      x: (width - plan.width * scale) / 2,
      y: Math.max(margin, (height - foot - plan.height * scale) / 2),
    };
  }

  // Whether that is the view: nobody has looked closer or elsewhere since.
  function isWhole(area = size()) {
    const whole = fitted(area);
    return Object.keys(view).every((name) => Math.abs(view[name] - whole[name]) < 0.001);
  }

  // Where a key is drawn: its own box, or that of what it is folded into.
  function boxOf(key) {
    const found = model.keys.get(key);
    if (!found) return null;
    const { kind, thing } = found;
    const part = kind === "layer" ? thing.part : kind === "part" ? thing : null;
    const own = plan.units.find((unit) => unit.key === (part ? part.key : key));
    if (own && kind === "layer" && own.kind === "open") {
      const [middle, top, width, height] = own.thing.layout.boxes[own.thing.layers.indexOf(thing)];
      return { x: own.x + own.inset + middle - width / 2, y: own.y + TITLE + top, width, height };
    }
    const group = kind === "stage" ? thing : part.group;
    return (
      own ||
      plan.frames.find((each) => each.key === group.key) ||
      plan.units.find((unit) => unit.key === group.key)
    );
  }

  function reveal(key) {
    const box = boxOf(key);
    if (!box) return;
    const { width, height } = size();
    const scale = Math.max(view.scale, 0.7);
    const left = box.x * view.scale + view.x;
    const top = box.y * view.scale + view.y;
    const isSeen =
      left >= 0 &&
      top >= 0 &&
      left + box.width * view.scale <= width &&
      top + box.height * view.scale <= height;
    if (isSeen && (view.scale >= 0.4 || !key.startsWith("layer:"))) return;
    const y = Math.min(box.height * scale, height * 0.8) / 2;
    moveTo({
      scale,
      x: width / 2 - (box.x + box.width / 2) * scale,
      y: height / 2 - box.y * scale - y,
    });
  }

  const stop = () => cancelAnimationFrame(animation);
  followGestures(frame, actions, { panBy, zoomBy, stop, fit: () => moveTo(fitted()) });
  byId("zoom-in").addEventListener("click", () => zoomBy(1.25));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.25));
  byId("fit").addEventListener("click", () => moveTo(fitted()));
  let known = size();
  new ResizeObserver(() => {
    const now = size();
    if (plan && isWhole(known)) Object.assign(view, fitted(now));
    else view.x += (now.width - known.width) / 2;
    if (plan) later();
    known = now;
  }).observe(frame);

  return {
    reveal,
    // Choose columns such that everything is seen large with this unfolded; returns the scale at which it is.
    begin(newModel, unfolded) {
      const { width, height } = size();
      columns = bestColumns(newModel, unfolded, width, height);
      return columns.scale;
    },
    // Show a network; `anchor` is the key of what shall stay where it is in the window. Of another network all is seen
    // if all was seen of the one before.
    show(newModel, unfolded, anchor = null) {
      const staysWhole = plan && newModel !== model && isWhole();
      const before = anchor && plan ? boxOf(anchor) : null;
      model = newModel;
      plan = arrange(model, unfolded, columns);
      for (const node of shown.values()) node.remove();
      shown.clear();
      const after = before ? boxOf(anchor) : null;
      if (after) {
        view.x += (before.x - after.x) * view.scale;
        view.y += (before.y - after.y) * view.scale;
      }
      if (staysWhole) Object.assign(view, fitted());
      draw();
    },
    fit(isCalm = true) {
      if (isCalm) Object.assign(view, fitted());
      else moveTo(fitted());
      draw();
    },
    // Mark one thing as chosen, and others as what it has to do with.
    light(chosen, keys) {
      lit = { chosen, keys };
      for (const node of shown.values()) mark(node);
    },
  };
}
