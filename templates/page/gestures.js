// Mouse, touch and keys over the diagram: dragging and the wheel move it, Ctrl and the wheel or two fingers zoom, a click
// chooses or folds. What that does is told by the diagram.

const STILL = 4; // a pointer that moves less than this many pixels has clicked

function followGestures(frame, actions, { panBy, zoomBy, stop, fit }) {
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
    if (!event.buttons) {
      pointers.delete(event.pointerId); // let go of outside
      return;
    }
    const [byX, byY] = [event.clientX - last.x, event.clientY - last.y];
    moved += Math.abs(byX) + Math.abs(byY);
    if (moved < STILL) return;
    if (!frame.hasPointerCapture(event.pointerId)) frame.setPointerCapture(event.pointerId);
    stop();
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (others.length) {
      const before = Math.hypot(last.x - others[0].x, last.y - others[0].y);
      const now = Math.hypot(event.clientX - others[0].x, event.clientY - others[0].y);
      const edge = frame.getBoundingClientRect();
      zoomBy(
        now / (before || 1),
        (event.clientX + others[0].x) / 2 - edge.x,
        (event.clientY + others[0].y) / 2 - edge.y,
      );
      panBy(byX / 2, byY / 2);
    } else panBy(byX, byY);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  frame.addEventListener("click", (event) => {
    if (moved >= STILL) return;
    const fold = event.target.closest("[data-fold]");
    const thing = event.target.closest("[data-key]");
    if (fold) actions.toggle(fold.dataset.fold);
    else if (thing) actions.choose(thing.dataset.key);
  });
  frame.addEventListener("dblclick", (event) => {
    const thing = event.target.closest("[data-key]");
    const isFolder = event.target.closest("[data-fold]") !== null;
    if (!thing || isFolder || thing.dataset.key.startsWith("layer:")) return;
    actions.toggle(thing.dataset.key);
  });
  frame.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      stop();
      const edge = frame.getBoundingClientRect();
      const step = event.deltaMode === 1 ? 16 : 1;
      if (event.ctrlKey || event.metaKey) {
        const factor = Math.exp(-event.deltaY * step * 0.004);
        zoomBy(factor, event.clientX - edge.x, event.clientY - edge.y);
      } else if (event.shiftKey && !event.deltaX) panBy(-event.deltaY * step, 0);
      else panBy(-event.deltaX * step, -event.deltaY * step);
    },
    { passive: false },
  );
  const KEYS = {
    ArrowLeft: () => panBy(60, 0),
    ArrowRight: () => panBy(-60, 0),
    ArrowUp: () => panBy(0, 60),
    ArrowDown: () => panBy(0, -60),
    "+": () => zoomBy(1.2),
    "=": () => zoomBy(1.2),
    "-": () => zoomBy(1 / 1.2),
    0: fit,
  };
  frame.addEventListener("keydown", (event) => {
    const isCommand = event.ctrlKey || event.metaKey || event.altKey;
    if (event.target !== frame || isCommand || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
}
