// The diagram: what is in the window is drawn, nothing else; moving and zooming change one transform.

const FAR = 0.34; // below this scale letters could not be read and are left out
const VERY_FAR = 0.22; // below this one the layers of open blocks, too
const NEAREST = 3;
const SLACK = 200; // how far beyond the window things are drawn

function makeDiagram(actions) {
  const frame = byId("diagram");
  const canvas = byId("canvas");
  const world = drawn("g", { id: "world" });
  const layerOf = { frames: drawn("g"), links: drawn("g"), units: drawn("g") };
  world.append(...Object.values(layerOf));
  canvas.append(
    drawn(
      "defs",
      {},
      drawn("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
        drawn("path", { d: "M1 1L7 4L1 7" })),
    ),
    world,
  );
  const view = { x: 0, y: 0, scale: 1 };
  const shown = new Map(); // what is drawn, by key
  let model = null;
  let plan = null;
  let cap = 600;
  let lit = { chosen: null, keys: new Set() };
  let waiting = false;
  let animation = 0;

  const size = () => ({ width: frame.clientWidth, height: frame.clientHeight });

  function draw() {
    waiting = false;
    const { width, height } = size();
    world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
    canvas.classList.toggle("far", view.scale < FAR);
    byId("zoom").textContent = `${Math.round(view.scale * 100)}%`;
    const slack = SLACK / view.scale;
    const left = -view.x / view.scale - slack;
    const top = -view.y / view.scale - slack;
    const right = left + width / view.scale + 2 * slack;
    const bottom = top + height / view.scale + 2 * slack;
    const isFar = view.scale < VERY_FAR;
    const wanted = new Map();
    const offer = (thing, kind, key) => {
      const isIn = thing.x < right && thing.x + thing.width > left && thing.y < bottom && thing.y + thing.height > top;
      if (isIn) wanted.set(key, { thing, kind });
    };
    for (const each of plan.frames) offer(each, "frames", `frame ${each.key}`);
    for (const each of plan.links) offer(each, "links", `link ${each.key}`);
    for (const each of plan.units) offer(each, "units", `${each.kind}${isFar ? " far" : ""} ${each.key}`);
    for (const [key, node] of shown) {
      if (!wanted.has(key)) {
        node.remove();
        shown.delete(key);
      }
    }
    for (const [key, { thing, kind }] of wanted) {
      if (shown.has(key)) continue;
      const node = kind === "frames" ? drawFrame(thing) : kind === "links" ? drawLink(thing) : drawUnit(thing, isFar);
      layerOf[kind].append(node);
      shown.set(key, node);
      mark(node);
    }
  }

  function drawUnit(unit, isFar) {
    const { letters } = model.network;
    if (unit.kind === "pill") return drawPill(unit);
    if (unit.kind === "stage") return drawStage(unit, letters);
    return unit.kind === "block" ? drawBlock(unit, letters) : drawOpen(unit, model, isFar);
  }

  function drawFrame({ key, group, x, y, width, height }) {
    const blocks = plural(group.parts.length, "block");
    return drawn(
      "g",
      { class: `frame ${colour(group.stage)}`, transform: `translate(${x} ${y})` },
      drawn("rect", { width, height, rx: 12, class: "box", "data-key": key }),
      folder(key, 18, 17, true),
      label(`${group.name} · ${blocks}`, 32, 21, "strong", Math.max(8, Math.floor((width - 40) / 6.6))),
    );
  }

  function drawLink(link) {
    return drawn("path", { d: linePath(link.points), class: "link", "marker-end": "url(#arrow)" });
  }

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
    cancelAnimationFrame(animation);
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
      for (const name of Object.keys(view)) view[name] = from[name] + (target[name] - from[name]) * eased;
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

  function fitted() {
    const { width, height } = size();
    const margin = 20;
    const scale = Math.min(1.25, (width - 2 * margin) / plan.width, (height - 2 * margin) / plan.height);
    return { scale, x: (width - plan.width * scale) / 2, y: Math.max(margin, (height - plan.height * scale) / 2) };
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
      return { x: own.x + PAD + middle - width / 2, y: own.y + TITLE + PAD + top, width, height };
    }
    const group = kind === "stage" ? thing : part.group;
    return own || plan.frames.find((each) => each.key === group.key) || plan.units.find((unit) => unit.key === group.key);
  }

  function reveal(key) {
    const box = boxOf(key);
    if (!box) return;
    const { width, height } = size();
    const scale = Math.max(view.scale, 0.7);
    const left = box.x * view.scale + view.x;
    const top = box.y * view.scale + view.y;
    const isSeen = left >= 0 && top >= 0 && left + box.width * view.scale <= width && top + box.height * view.scale <= height;
    if (isSeen && view.scale >= 0.5) return;
    const y = Math.min(box.height * scale, height * 0.8) / 2;
    moveTo({ scale, x: width / 2 - (box.x + box.width / 2) * scale, y: height / 2 - box.y * scale - y });
  }

  // --- mouse, touch, keys ---

  const pointers = new Map();
  let moved = 0;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moved = 0;
  });
  frame.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const [byX, byY] = [event.clientX - last.x, event.clientY - last.y];
    moved += Math.abs(byX) + Math.abs(byY);
    if (moved < 4) return;
    if (!frame.hasPointerCapture(event.pointerId)) frame.setPointerCapture(event.pointerId);
    cancelAnimationFrame(animation);
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (others.length) {
      const before = Math.hypot(last.x - others[0].x, last.y - others[0].y);
      const now = Math.hypot(event.clientX - others[0].x, event.clientY - others[0].y);
      const edge = frame.getBoundingClientRect();
      zoomBy(now / (before || 1), (event.clientX + others[0].x) / 2 - edge.x, (event.clientY + others[0].y) / 2 - edge.y);
      panBy(byX / 2, byY / 2);
    } else panBy(byX, byY);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  frame.addEventListener("click", (event) => {
    if (moved >= 4) return;
    const fold = event.target.closest("[data-fold]");
    const thing = event.target.closest("[data-key]");
    if (fold) actions.toggle(fold.dataset.fold);
    else if (thing) actions.choose(thing.dataset.key);
  });
  frame.addEventListener("dblclick", (event) => {
    const thing = event.target.closest("[data-key]");
    if (thing && !event.target.closest("[data-fold]") && !thing.dataset.key.startsWith("layer:")) actions.toggle(thing.dataset.key);
  });
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    cancelAnimationFrame(animation);
    const edge = frame.getBoundingClientRect();
    const step = event.deltaMode === 1 ? 16 : 1;
    if (event.ctrlKey || event.metaKey) zoomBy(Math.exp(-event.deltaY * step * 0.004), event.clientX - edge.x, event.clientY - edge.y);
    else if (event.shiftKey && !event.deltaX) panBy(-event.deltaY * step, 0);
    else panBy(-event.deltaX * step, -event.deltaY * step);
  }, { passive: false });
  const KEYS = {
    ArrowLeft: () => panBy(60, 0),
    ArrowRight: () => panBy(-60, 0),
    ArrowUp: () => panBy(0, 60),
    ArrowDown: () => panBy(0, -60),
    "+": () => zoomBy(1.2),
    "=": () => zoomBy(1.2),
    "-": () => zoomBy(1 / 1.2),
    0: () => moveTo(fitted()),
  };
  frame.addEventListener("keydown", (event) => {
    if (event.target !== frame || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  byId("zoom-in").addEventListener("click", () => zoomBy(1.25));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.25));
  byId("fit").addEventListener("click", () => moveTo(fitted()));
  let last = size();
  new ResizeObserver(() => {
    const now = size();
    if (plan && (now.width !== last.width || now.height !== last.height)) {
      panBy((now.width - last.width) / 2, 0);
      last = now;
    }
  }).observe(frame);

  return {
    reveal,
    // How large everything is seen with blocks folded: whether stages are worth opening.
    begin(newModel) {
      const { width, height } = size();
      const best = bestCap(newModel, width, height);
      cap = best.cap;
      return best.scale;
    },
    // Show a network; `anchor` is the key of what shall stay where it is in the window.
    show(newModel, unfolded, anchor = null) {
      const before = anchor && plan ? boxOf(anchor) : null;
      model = newModel;
      plan = arrange(model, unfolded, cap);
      for (const node of shown.values()) node.remove();
      shown.clear();
      const after = before ? boxOf(anchor) : null;
      if (after) {
        view.x += (before.x - after.x) * view.scale;
        view.y += (before.y - after.y) * view.scale;
      }
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
