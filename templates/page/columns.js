// Where everything stands: units (a folded stage, a folded block, a block with its layers) in columns, read from top to bottom
// and from left to right. An open stage has columns of its own. Nothing is drawn here.

const BLOCK_WIDTH = 188;
const BLOCK_HEIGHT = 38;
const STAGE_HEIGHT = 62;
const PILL_HEIGHT = 26;
const SIGN = 9; // radius of the circle at the end of a folded block
const REACH = 30; // how far a shortcut's arc stands out to the right
const BEFORE = 12; // from where the shortcut leaves to its block, and from the block to the sum
const BETWEEN = 24; // units of a column
const GUTTER = 46; // columns
const PAD = 14; // around the layers of an open block, and around the blocks of an open stage
const TITLE = 28; // of an open block
const HEAD = 46; // of an open stage: its title, and room for the line that comes in
const TURN = 14; // below and above a column, where its line turns

function blockHeight(part) {
  return part.shortcut ? BEFORE + BLOCK_HEIGHT + BEFORE + 2 * SIGN : BLOCK_HEIGHT;
}

// One unit's size; `trunk` and `leave` are where the line of the trunk comes in and goes out, from its left.
function unitOf(kind, key, thing, unfolded) {
  if (kind === "pill") {
    return {
      kind,
      key,
      thing,
      width: BLOCK_WIDTH,
      height: PILL_HEIGHT,
      trunk: BLOCK_WIDTH / 2,
      leave: BLOCK_WIDTH / 2,
    };
  }
  if (kind === "stage") {
    return {
      kind,
      key,
      thing,
      width: BLOCK_WIDTH + 8,
      height: STAGE_HEIGHT,
      trunk: BLOCK_WIDTH / 2,
      leave: BLOCK_WIDTH / 2,
    };
  }
  if (!unfolded.has(key)) {
    const width = BLOCK_WIDTH + (thing.shortcut ? REACH : 0);
    return {
      kind: "block",
      key,
      thing,
      width,
      height: blockHeight(thing),
      trunk: BLOCK_WIDTH / 2,
      leave: BLOCK_WIDTH / 2,
    };
  }
  const { layout } = thing;
  const width = Math.max(layout.width + 2 * PAD, BLOCK_WIDTH);
  const inset = (width - layout.width) / 2;
  const trunk = inset + (layout.entry === null ? layout.width / 2 : layout.entry[0]);
  const leave = inset + layout.boxes[layout.exit][0];
  return {
    kind: "open",
    key,
    thing,
    width,
    height: TITLE + layout.height + PAD,
    inset,
    trunk,
    leave,
  };
}

// How high a part stands.
function partHeight(part, isOpen) {
  return (isOpen ? TITLE + part.layout.height + PAD : blockHeight(part)) + BETWEEN;
}

// The columns, each a list of runs: units in order, and the open stage whose they are (or null). `cap` is the height at which
// a new column begins. Heights are counted as if `planned` were unfolded: unfolding one more block moves no other to another
// column.
function fillColumns(model, unfolded, { cap, planned }) {
  const columns = [];
  let height = Infinity; // of the column that takes what comes next
  const begin = () => {
    columns.push([]);
    height = 0;
  };
  const put = (unit, tall) => {
    if (height + tall > cap) begin();
    const column = columns[columns.length - 1];
    const last = column[column.length - 1];
    if (last && !last.stage) last.units.push(unit);
    else column.push({ stage: null, units: [unit] });
    height += tall;
  };
  const pill = (word, text) =>
    put(unitOf("pill", word, { label: word, text }, unfolded), PILL_HEIGHT + BETWEEN);
  pill("input", dims(model.network.input.dims));
  for (const group of model.groups) {
    if (group.stage < 0 || !unfolded.has(group.key)) {
      const part = group.stage < 0 ? group.parts[0] : null;
      const unit = unitOf(part ? "part" : "stage", group.key, part || group, unfolded);
      put(unit, part ? partHeight(part, planned.has(part.key)) : STAGE_HEIGHT + BETWEEN);
      continue;
    }
    const total = group.parts.reduce(
      (sum, part) => sum + partHeight(part, planned.has(part.key)),
      0,
    );
    const around = HEAD + TURN + PAD;
    const turns = Math.max(1, Math.ceil(total / Math.max(1, cap - around)));
    const each = Math.ceil(group.parts.length / turns);
    for (let at = 0; at < group.parts.length; at += each) {
      if (turns > 1 || height + total + around > cap) begin();
      const units = group.parts
        .slice(at, at + each)
        .map((part) => unitOf("part", part.key, part, unfolded));
      columns[columns.length - 1].push({ stage: group, units });
      height += total + around;
    }
    if (turns > 1) height = Infinity;
  }
  pill("output", model.network.output);
  return columns;
}

function arrange(model, unfolded, columns) {
  const units = [];
  const links = [];
  const frames = [];
  let left = 0;
  let before = null;
  for (const runs of fillColumns(model, unfolded, columns)) {
    const all = runs.flatMap((run) => run.units);
    const trunk = Math.max(...all.map((unit) => unit.trunk));
    const width = trunk + Math.max(...all.map((unit) => unit.width - unit.trunk));
    let top = 0;
    for (const { stage, units: inside } of runs) {
      const begins = top;
      if (stage || top === 0) top += HEAD; // every column begins at one height
      for (const unit of inside) {
        Object.assign(unit, { x: left + trunk - unit.trunk, y: top });
        units.push(unit);
        if (before && isJoined(model, before, unit))
          links.push(linkOf(before, unit, all[0] === unit ? left - GUTTER / 2 : null));
        before = unit;
        top += unit.height + BETWEEN;
      }
      if (stage) {
        const foot = top - BETWEEN + TURN + PAD;
        const right = Math.max(...inside.map((unit) => unit.x + unit.width));
        const x = Math.min(...inside.map((unit) => unit.x)) - PAD;
        addFrame(frames, stage, { x, y: begins, width: right + PAD - x, height: foot - begins });
        top = foot + BETWEEN;
      }
    }
    left += width + GUTTER;
  }
  const height = Math.max(
    ...units.map((unit) => unit.y + unit.height),
    ...frames.map((frame) => frame.y + frame.height),
  );
  return { units, links, frames, width: left - GUTTER, height };
}

// Whether a unit's trunk comes from the unit before it, as it nearly always does; of one that is folded, whether it reads
// anything of that unit at all.
function isJoined(model, before, unit) {
  if (before.key === "input" || unit.key === "output") return true;
  const part = unit.kind === "stage" ? unit.thing.parts[0] : unit.thing;
  const { trunk } = part.layout;
  const own = trunk === null ? [] : [part.entries[trunk]];
  const reads = unit.kind === "open" ? own : part.entries;
  return reads.some((from) => from >= 0 && before.thing.layers.includes(model.layers[from]));
}

// The frame of an open stage, which grows with each of its columns.
function addFrame(frames, group, { x, y, width, height }) {
  const last = frames[frames.length - 1];
  if (last && last.group === group) {
    last.width = x + width - last.x;
    last.height = Math.max(last.height, height);
  } else frames.push({ key: group.key, group, x, y, width, height });
}

// The line from one unit to the next: straight down, or through the gutter to the top of the next column.
function linkOf(from, to, gutter) {
  const [x, y] = [from.x + from.leave, from.y + from.height];
  const [endX, endY] = [to.x + to.trunk, to.y];
  let points;
  if (gutter !== null) {
    points = [
      x,
      y,
      x,
      y + TURN,
      gutter,
      y + TURN,
      gutter,
      endY - TURN,
      endX,
      endY - TURN,
      endX,
      endY,
    ];
  } else if (Math.abs(x - endX) < 1) points = [x, y, endX, endY];
  else points = [x, y, x, (y + endY) / 2, endX, (y + endY) / 2, endX, endY];
  const [xs, ys] = [everySecond(points, 0), everySecond(points, 1)];
  return {
    key: `${from.key} ${to.key}`,
    points,
    x: Math.min(...xs),
    y: Math.min(...ys),
    width: Math.max(...xs) - Math.min(...xs),
    height: Math.max(...ys) - Math.min(...ys),
  };
}

function everySecond(numbers, from) {
  return [...numbers.keys()].filter((at) => at % 2 === from).map((at) => numbers[at]);
}

// The columns with which everything is seen largest in a window of this size, and the scale at which it is.
function bestColumns(model, unfolded, width, height) {
  let best = { cap: 600, planned: unfolded, scale: 0 };
  for (let cap = 240; cap < 200000; cap *= 1.18) {
    const plan = arrange(model, unfolded, { cap, planned: unfolded });
    const scale = Math.min(width / plan.width, height / plan.height);
    if (scale > best.scale) best = { cap, planned: unfolded, scale };
    else if (plan.height < cap / 2) break; // all in one column
  }
  return best;
}
