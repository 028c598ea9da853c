// Where everything stands: units (a folded stage, a folded block, a block with its layers) in columns, read from top to bottom
// and from left to right. An open stage has columns of its own. Nothing is drawn here.

const BLOCK_WIDTH = 172;
const BLOCK_HEIGHT = 38;
const STAGE_HEIGHT = 62;
const PILL_HEIGHT = 26;
const SIGN = 9; // radius of the circle at the end of a folded block
const REACH = 30; // how far a shortcut's arc stands out to the right
const BEFORE = 12; // from where the shortcut leaves to its block, and from the block to the sum
const BETWEEN = 24; // units of a column
const GUTTER = 46; // columns
const PAD = 14; // around the layers of an open block
const TITLE = 28; // of an open block
const HEAD = 46; // of an open stage: its title, and room for the line that comes in
const TURN = 14; // below and above a column, where its line turns

function blockHeight(part) {
  return part.shortcut ? BEFORE + BLOCK_HEIGHT + BEFORE + 2 * SIGN : BLOCK_HEIGHT;
}

// One unit's size; `trunk` and `leave` are where the line of the trunk comes in and goes out, from its left.
function unitOf(kind, key, thing, unfolded) {
  if (kind === "pill") {
    return { kind, key, thing, width: BLOCK_WIDTH, height: PILL_HEIGHT, trunk: BLOCK_WIDTH / 2, leave: BLOCK_WIDTH / 2 };
  }
  if (kind === "stage") {
    return { kind, key, thing, width: BLOCK_WIDTH + 8, height: STAGE_HEIGHT, trunk: BLOCK_WIDTH / 2, leave: BLOCK_WIDTH / 2 };
  }
  if (!unfolded.has(key)) {
    const width = BLOCK_WIDTH + (thing.shortcut ? REACH : 0);
    return { kind: "block", key, thing, width, height: blockHeight(thing), trunk: BLOCK_WIDTH / 2, leave: BLOCK_WIDTH / 2 };
  }
  const { layout } = thing;
  const box = layout.boxes[layout.exit];
  return {
    kind: "open",
    key,
    thing,
    width: Math.max(layout.width + 2 * PAD, BLOCK_WIDTH),
    height: layout.height + TITLE + 2 * PAD,
    trunk: PAD + (layout.entry === null ? layout.width / 2 : layout.entry),
    leave: PAD + box[0],
  };
}

// The units of each column, in order. `cap` is the height at which the blocks of a stage begin a new column; it counts blocks
// as folded, so that unfolding one moves no other to another column.
function fillColumns(model, unfolded, cap) {
  const columns = [];
  let open = null; // the column that takes what comes next
  const put = (unit) => {
    if (!open) columns.push((open = { stage: null, units: [] }));
    open.units.push(unit);
  };
  put(unitOf("pill", "input", { label: "input", text: dims(model.network.input.dims) }, unfolded));
  for (const group of model.groups) {
    if (group.stage < 0) put(unitOf("part", group.key, group.parts[0], unfolded));
    else if (!unfolded.has(group.key)) put(unitOf("stage", group.key, group, unfolded));
    else {
      const heights = group.parts.map((part) => blockHeight(part) + BETWEEN);
      const turns = Math.ceil(heights.reduce((a, b) => a + b, 0) / cap);
      const each = Math.ceil(group.parts.length / turns);
      for (let at = 0; at < group.parts.length; at += each) {
        const units = group.parts.slice(at, at + each).map((part) => unitOf("part", part.key, part, unfolded));
        columns.push({ stage: group, units });
      }
      open = null;
    }
  }
  put(unitOf("pill", "output", { label: "output", text: model.network.output }, unfolded));
  return columns;
}

function arrange(model, unfolded, cap) {
  const columns = fillColumns(model, unfolded, cap);
  const units = [];
  const links = [];
  const frames = [];
  let left = 0;
  let before = null;
  for (const column of columns) {
    const trunk = Math.max(...column.units.map((unit) => unit.trunk));
    const width = trunk + Math.max(...column.units.map((unit) => unit.width - unit.trunk));
    let top = HEAD;
    for (const unit of column.units) {
      Object.assign(unit, { x: left + trunk - unit.trunk, y: top });
      units.push(unit);
      if (before) links.push(linkOf(before, unit, column.units[0] === unit ? left - GUTTER / 2 : null));
      before = unit;
      top += unit.height + BETWEEN;
    }
    const bottom = top - BETWEEN;
    const last = frames[frames.length - 1];
    if (column.stage && last && last.group === column.stage) {
      last.width = left + width + PAD - last.x;
      last.height = Math.max(last.height, bottom + TURN + PAD);
    } else if (column.stage) {
      const key = column.stage.key;
      frames.push({ key, group: column.stage, x: left - PAD, y: 0, width: width + 2 * PAD, height: bottom + TURN + PAD });
    }
    left += width + GUTTER;
  }
  const height = Math.max(...units.map((unit) => unit.y + unit.height), ...frames.map((frame) => frame.height));
  return { units, links, frames, width: left - GUTTER, height };
}

// The line from one unit to the next: straight down, or through the gutter to the top of the next column.
function linkOf(from, to, gutter) {
  const [x, y] = [from.x + from.leave, from.y + from.height];
  const [endX, endY] = [to.x + to.trunk, to.y];
  let points;
  if (gutter !== null) {
    points = [x, y, x, y + TURN, gutter, y + TURN, gutter, endY - TURN, endX, endY - TURN, endX, endY];
  } else if (Math.abs(x - endX) < 1) points = [x, y, endX, endY];
  else points = [x, y, x, (y + endY) / 2, endX, (y + endY) / 2, endX, endY];
  const xs = points.filter((_, at) => at % 2 === 0);
  const ys = points.filter((_, at) => at % 2 === 1);
  return {
    key: `${from.key} ${to.key}`,
    points,
    x: Math.min(...xs),
    y: Math.min(...ys),
    width: Math.max(...xs) - Math.min(...xs),
    height: Math.max(...ys) - Math.min(...ys),
  };
}

// The cap with which everything, blocks folded, is seen largest in a window of this size.
function bestCap(model, width, height) {
  const open = new Set(model.groups.map((group) => group.key).filter((key) => key.startsWith("stage:")));
  let best = { cap: 600, scale: 0 };
  for (let cap = 240; cap < 40000; cap *= 1.18) {
    const plan = arrange(model, open, cap);
    const scale = Math.min(width / plan.width, height / plan.height);
    if (scale > best.scale) best = { cap, scale };
  }
  return best;
}
