// The data of a network as objects that know each other. A key names a thing in all views: "stage:layer1", "part:layer1.0",
// "layer:layer1.0.conv1".

const BYTES = 4; // of a float32

function makeModel(network, files) {
  const layers = network.rows.map((row, index) => {
    const layer = Object.fromEntries(network.fields.map((field, at) => [field, row[at]]));
    layer.index = index;
    layer.key = `layer:${layer.name}`;
    layer.operator = network.operators[layer.operator];
    layer.shape = network.shapes[layer.shape];
    layer.tensors = network.tensors[layer.tensors];
    layer.memory = BYTES * layer.shape.elements;
    return layer;
  });
  const parts = network.parts.map((part) => {
    const inside = layers.slice(part.first, part.first + part.count);
    const made = {
      ...part,
      key: `part:${part.name}`,
      layers: inside,
      layout: network.layouts[part.layout],
    };
    for (const layer of inside) {
      layer.part = made;
      layer.local = layer.name.startsWith(`${part.name}.`)
        ? layer.name.slice(part.name.length + 1)
        : layer.name;
    }
    return made;
  });
  const groups = [];
  for (const part of parts) {
    const last = groups[groups.length - 1];
    if (part.stage < 0) groups.push({ key: part.key, name: part.name, stage: -1, parts: [part] });
    else if (last && last.stage === part.stage) last.parts.push(part);
    else {
      const name = network.stages[part.stage];
      groups.push({ key: `stage:${name}`, name, stage: part.stage, parts: [part] });
    }
  }
  const keys = new Map();
  for (const group of groups) {
    group.layers = group.parts.flatMap((part) => part.layers);
    if (group.stage >= 0) keys.set(group.key, { kind: "stage", thing: group });
    for (const part of group.parts) {
      part.group = group;
      keys.set(part.key, { kind: "part", thing: part });
      for (const layer of part.layers) keys.set(layer.key, { kind: "layer", thing: layer });
    }
  }
  const scopes = new Map(network.scopes.map((scope) => [scope.name, scope]));
  const adds = new Map(network.adds.map((add) => [add.layer, add]));
  return { network, files, layers, parts, groups, keys, scopes, adds };
}

// What costs come to over layers.
function costs(layers) {
  const total = { parameters: 0, macs: 0, memory: 0, weighted: 0 };
  for (const layer of layers) for (const name of Object.keys(total)) total[name] += layer[name];
  return total;
}

function output(part) {
  return part.layers[part.layout.exit].shape;
}

// The scopes around a name, the innermost first.
function scopesAround(model, name) {
  const found = [];
  for (let end = name.length; end > 0; end = name.lastIndexOf(".", end - 1)) {
    const scope = model.scopes.get(name.slice(0, end));
    if (scope) found.push(scope);
  }
  return found;
}

function layersOfScope(model, scope) {
  return model.layers.filter((layer) => layer.name.startsWith(`${scope.name}.`));
}

// --- places in the spec and in the source ---

// The lines that belong to things: {file: …} for the spec, {file: -1} for the source. `near` are their own, `around` those of
// the blocks they stand in.
function placesOf(model, layers, scopes) {
  const { spans, lines } = model.network;
  const near = new Map();
  const around = new Map();
  const put = (into, file, first, last) =>
    into.set(`${file} ${first} ${last}`, { file, first, last });
  const add = (into, written, ...places) => {
    for (const [file, first, , last] of spans[written] || []) put(into, file, first, last);
    for (const place of places) if (place >= 0) put(into, -1, ...lines[place]);
  };
  for (const layer of layers) add(near, layer.spans, layer.constructed, layer.computed);
  for (const scope of scopes) add(layers.length ? around : near, scope.spans, ...scope.lines);
  return { near: [...near.values()], around: [...around.values()] };
}

// The layers that a line stands for: those with the shortest stretch of text around it.
function layersAt(model, file, line) {
  let shortest = Infinity;
  let found = new Set();
  const offer = (first, last, give) => {
    if (line < first || line > last || last - first > shortest) return;
    if (last - first < shortest) found = new Set();
    shortest = last - first;
    for (const layer of give()) found.add(layer);
  };
  const { spans, lines } = model.network;
  const at = (thing, places, give) => {
    if (file >= 0) {
      for (const [where, first, , last] of spans[thing.spans] || [])
        if (where === file) offer(first, last, give);
    } else {
      for (const place of places) if (place >= 0) offer(...lines[place], give);
    }
  };
  for (const layer of model.layers) at(layer, [layer.constructed, layer.computed], () => [layer]);
  for (const scope of model.scopes.values())
    at(scope, scope.lines, () => layersOfScope(model, scope));
  return [...found].sort((a, b) => a.index - b.index);
}

// The lines of a file (-1: of the source) that layers come from: those where a stretch of text begins, and short stretches.
function linkedLines(model, file) {
  const linked = new Set();
  const { spans, lines } = model.network;
  const stretches =
    file >= 0
      ? spans.flat().flatMap(([where, first, , last]) => (where === file ? [[first, last]] : []))
      : lines;
  for (const [first, last] of stretches) {
    for (let line = first; line <= (last - first > 8 ? first : last); line += 1) linked.add(line);
  }
  return linked;
}
