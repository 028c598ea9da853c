// The shapes of the diagram: lines with round corners, boxes, blocks and stages. Each is an SVG element at its place.

const ROUND = 8;

// A line through points, its corners rounded.
function linePath(points, round = ROUND) {
  let path = `M${points[0]} ${points[1]}`;
  for (let at = 2; at < points.length - 2; at += 2) {
    const [x, y] = [points[at], points[at + 1]];
    const back = toward(x, y, points[at - 2], points[at - 1], round);
    const on = toward(x, y, points[at + 2], points[at + 3], round);
    path += `L${back}Q${x} ${y} ${on}`;
  }
  return `${path}L${points[points.length - 2]} ${points[points.length - 1]}`;
}

function toward(x, y, otherX, otherY, length) {
  const distance = Math.hypot(otherX - x, otherY - y) || 1;
  const part = Math.min(length, distance / 2) / distance;
  return `${x + (otherX - x) * part} ${y + (otherY - y) * part}`;
}

function label(text, x, y, style, letters) {
  const node = drawn("text", { x, y, class: style });
  node.textContent = cut(text, letters);
  return node;
}

// The sign on which a click folds or unfolds.
function folder(key, x, y, isOpen) {
  return drawn(
    "g",
    { class: "folder", "data-fold": key, transform: `translate(${x} ${y})` },
    drawn("rect", { x: -10, y: -10, width: 20, height: 20, rx: 4 }),
    drawn("path", { d: isOpen ? "M-4 -2L0 3L4 -2" : "M-2 -4L3 0L-2 4" }),
  );
}

function colour(stage) {
  return stage < 0 ? "plain" : `stage-${stage % 8}`;
}

function drawPill(unit) {
  const { label: word, text } = unit.thing;
  return drawn(
    "g",
    { class: "pill", transform: `translate(${unit.x} ${unit.y})` },
    drawn("rect", { width: unit.width, height: unit.height, rx: unit.height / 2 }),
    label(`${word}  ${text}`, unit.width / 2, unit.height / 2 + 4, "middle", 30),
  );
}

function drawStage(unit, letters) {
  const group = unit.thing;
  const words = [...new Set(group.parts.map((part) => part.block).filter(Boolean))].join(", ");
  const back = group.parts.length > 1 ? [6, 3] : [];
  return drawn(
    "g",
    { class: `unit stage ${colour(group.stage)}`, "data-key": group.key, transform: `translate(${unit.x} ${unit.y})` },
    ...back.map((by) => drawn("rect", { x: by, y: by, width: BLOCK_WIDTH, height: STAGE_HEIGHT - 6, rx: 8, class: "box" })),
    drawn("rect", { width: BLOCK_WIDTH, height: STAGE_HEIGHT - 6, rx: 8, class: "box" }),
    folder(unit.key, 16, 18, false),
    label(group.name, 30, 22, "strong", letters - 18),
    label(`×${group.parts.length}`, BLOCK_WIDTH - 12, 22, "end strong", 9),
    label(words, 30, 37, "small", letters - 14),
    label(dims(output(group.parts[group.parts.length - 1]).dims), 30, 50, "small", letters - 12),
  );
}

function drawBlock(unit, letters) {
  const part = unit.thing;
  const top = part.shortcut ? BEFORE : 0;
  const children = [
    drawn("rect", { y: top, width: BLOCK_WIDTH, height: BLOCK_HEIGHT, rx: 7, class: "box" }),
    folder(unit.key, 16, top + BLOCK_HEIGHT / 2, false),
    label(part.name, 30, top + 16, "strong", letters - 16),
    label(dims(output(part).dims), 30, top + 30, "small", letters - 12),
  ];
  if (part.shortcut) {
    const sum = BEFORE + BLOCK_HEIGHT + BEFORE + SIGN;
    const middle = BLOCK_WIDTH / 2;
    const right = BLOCK_WIDTH + REACH - 8;
    children.unshift(
      drawn("path", { d: `M${middle} 0V${top}M${middle} ${top + BLOCK_HEIGHT}V${sum - SIGN}`, class: "link" }),
      drawn("path", { d: linePath([middle, 2, right, 2, right, sum, middle + SIGN + 3, sum], 22), class: `shortcut ${part.shortcut}` }),
    );
    children.push(drawSign("+", middle, sum));
  }
  return drawn(
    "g",
    { class: `unit block ${colour(part.stage)}`, "data-key": part.key, transform: `translate(${unit.x} ${unit.y})` },
    ...children,
  );
}

function drawSign(sign, x, y) {
  return drawn(
    "g",
    { class: "sign" },
    drawn("circle", { cx: x, cy: y, r: SIGN }),
    drawn("path", {
      d: sign === "+" ? `M${x - 5} ${y}H${x + 5}M${x} ${y - 5}V${y + 5}` : `M${x - 4} ${y - 4}L${x + 4} ${y + 4}M${x - 4} ${y + 4}L${x + 4} ${y - 4}`,
    }),
  );
}

// A block with its layers; from far away, its frame alone.
function drawOpen(unit, model, isFar) {
  const part = unit.thing;
  const { layout } = part;
  const children = [drawn("rect", { width: unit.width, height: unit.height, rx: 9, class: "box" })];
  if (!isFar) {
    const title = part.block ? `${part.name} · ${part.block}` : part.name;
    children.push(folder(unit.key, 17, 18, true), label(title, 32, 22, "strong", Math.floor((unit.width - 44) / 6.4)));
    children.push(drawLayers(part, model));
  }
  return drawn(
    "g",
    { class: `unit open ${colour(part.stage)}`, "data-key": part.key, transform: `translate(${unit.x} ${unit.y})` },
    ...children,
  );
}

function drawLayers(part, model) {
  const { layout } = part;
  const { letters } = model.network;
  const inside = drawn("g", { transform: `translate(${PAD} ${TITLE + PAD})` });
  if (layout.entry !== null) {
    inside.append(drawn("path", { d: `M${layout.entry} ${-TITLE - PAD}V0`, class: "link thin" }));
  }
  const [x, y, , height] = layout.boxes[layout.exit];
  inside.append(drawn("path", { d: `M${x} ${y + height}V${layout.height + PAD}`, class: "link thin" }));
  for (const [, , kind, points] of [...layout.edges].sort((a, b) => a[2].length - b[2].length)) {
    inside.append(drawn("path", { d: linePath(points), class: kind ? `shortcut ${kind}` : "edge" }));
  }
  layout.pills.forEach(([middle, top, width, tall], at) => {
    const from = part.entries[at + 1];
    const name = from < 0 ? "input" : model.layers[from].name;
    inside.append(
      drawn(
        "g",
        { class: "pill", "data-key": from < 0 ? null : model.layers[from].key },
        drawn("rect", { x: middle - width / 2, y: top, width, height: tall, rx: tall / 2 }),
        label(name, middle, top + 13, "middle small", letters),
      ),
    );
  });
  part.layers.forEach((layer, at) => inside.append(drawLayer(layer, layout.boxes[at], letters)));
  return inside;
}

function drawLayer(layer, [middle, top, width, height], letters) {
  const { operator } = layer;
  const about = drawn("title", {});
  about.textContent = `${layer.name}: ${operator.label} → ${dims(layer.shape.dims)}`;
  if (operator.sign) {
    return drawn("g", { class: "layer join", "data-key": layer.key }, about, drawSign(operator.sign, middle, top + height / 2));
  }
  return drawn(
    "g",
    { class: `layer ${operator.family} ${layer.tensors.length ? "learned" : ""}`, "data-key": layer.key },
    about,
    drawn("rect", { x: middle - width / 2, y: top, width, height, rx: operator.family === "activation" ? height / 2 : 5, class: "box" }),
    label(operator.label, middle, top + 16, "middle strong", letters),
    label(layer.local, middle, top + 30, "middle small", letters),
  );
}
