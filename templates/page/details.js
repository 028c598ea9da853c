// What is chosen, in full: a layer, a block, a stage, or the layers that a line stands for.

function table(rows, head = null) {
  const body = rows
    .filter(Boolean)
    .map((cells) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, cells[0]),
        ...cells.slice(1).map((cell) => element("td", {}, ...[cell].flat())),
      ),
    );
  const top = head
    ? element(
        "thead",
        {},
        element("tr", {}, ...head.map((word) => element("th", { scope: "col" }, word))),
      )
    : null;
  return element("table", {}, ...(top ? [top] : []), element("tbody", {}, ...body));
}

function button(text, act, attributes = {}) {
  const node = element("button", { type: "button", ...attributes }, text);
  node.addEventListener("click", act);
  return node;
}

function makeDetails(actions) {
  const pane = byId("selection");
  let model = null;

  const linkTo = (thing) =>
    button(thing.name, () => actions.choose(thing.key, true), { class: "link" });
  const spread = (nodes) => nodes.flatMap((node, at) => (at ? [" ", node] : [node]));

  function placeLinks(stretches) {
    const seen = new Set();
    return stretches.flatMap(({ file, first, last }) => {
      const name = file < 0 ? "source" : model.files[file].name;
      const text = `${name}:${first}${last > first ? `–${last}` : ""}`;
      if (seen.has(text)) return [];
      seen.add(text);
      return [button(text, () => actions.showLine(file, first), { class: "link" })];
    });
  }

  function places(layers, scopes) {
    const { near, around } = placesOf(model, layers, scopes);
    const all = [...near, ...around];
    const spec = placeLinks(all.filter((each) => each.file >= 0));
    const source = placeLinks(all.filter((each) => each.file < 0));
    return [
      spec.length ? ["In the spec", spread(spec)] : null,
      source.length ? ["In the source", spread(source)] : null,
    ];
  }

  function sums(layers) {
    const total = costs(layers);
    return [
      ["Weighted layers", count(total.weighted)],
      ["Parameters", count(total.parameters)],
      ["MACs", count(total.macs)],
      ["Activation memory", bytes(total.memory)],
    ];
  }

  function ofLayer(layer) {
    const { operator, shape } = layer;
    const add = model.adds.get(layer.index);
    const inputs = layer.inputs.map((at) => (at < 0 ? "input" : linkTo(model.layers[at])));
    const into = layer.inputs.map((at) => (at < 0 ? model.network.input : model.layers[at].shape));
    const each = (text) => into.map((one) => element("div", {}, text(one)));
    return [
      heading(layer.name, operator.label),
      add ? proof(add) : null,
      table([
        ["Operator", operator.word],
        inputs.length ? ["Reads", spread(inputs)] : null,
        inputs.length ? ["Input", each((one) => dims(one.dims))] : null,
        inputs.length ? ["for any H, W", each((one) => one.text)] : null,
        ["Output", dims(shape.dims)],
        ["for any H, W", shape.text],
        ["Parameters", count(layer.parameters)],
        ["MACs", count(layer.macs)],
        ["Activation memory", `${bytes(layer.memory)} (${count(shape.elements)} × 4 B)`],
        inputs.length
          ? ["Receptive field", layer.field ? `${dims(layer.field)} pixels` : "the whole image"]
          : null,
        layer.stride ? ["Output stride", dims(layer.stride)] : null,
        ["Weighted layer", layer.weighted ? "yes, it counts" : "no"],
        ...places([layer], scopesAround(model, layer.name)),
      ]),
      operator.attributes.length ? element("h3", {}, "Attributes") : null,
      operator.attributes.length ? table(operator.attributes) : null,
      layer.tensors.length ? element("h3", {}, "Tensors in the state_dict") : null,
      layer.tensors.length
        ? table(
            layer.tensors.map(([name, shape_, isTrained]) => [
              `${layer.name}.${name}`,
              shape_.length ? dims(shape_) : "1",
              isTrained ? "parameter" : "buffer",
            ]),
            ["name", "shape", "kind"],
          )
        : null,
    ];
  }

  function proof(add) {
    return element(
      "div",
      { class: `proof ${add.holds ? "holds" : "fails"}` },
      element("strong", {}, `Residual add: ${add.verdict}`),
      table([
        ["Residual path", add.sides[0]],
        ["Shortcut", add.sides[1]],
      ]),
      add.holds
        ? element(
            "p",
            {},
            "Both sides are the same function of H and W, and have the same channels.",
          )
        : null,
    );
  }

  function ofPart(part) {
    const scope = model.scopes.get(part.name);
    const join = scope && scope.join !== null ? model.adds.get(scope.join) : null;
    return [
      heading(part.name, scope ? scope.title : plural(part.count, "layer")),
      scope && scope.doc ? element("p", {}, scope.doc) : null,
      folding(part.key),
      join ? proof(join) : null,
      table([
        scope ? ["Block", scope.block] : null,
        scope && scope.shortcut ? ["Shortcut", scope.shortcut] : null,
        ["Layers", count(part.count)],
        ["Output", dims(output(part).dims)],
        ["for any H, W", output(part).text],
        ...sums(part.layers),
        ...(scope ? places([], [scope]) : []),
      ]),
      scope ? element("h3", {}, "Parameters of the block, as they are here") : null,
      scope ? table(model.network.values[scope.values]) : null,
    ];
  }

  function ofStage(group) {
    const last = group.parts[group.parts.length - 1];
    const scopes = group.parts.map((part) => model.scopes.get(part.name)).filter(Boolean);
    return [
      heading(group.name, plural(group.parts.length, "block")),
      folding(group.key),
      table([
        ["Block", [...new Set(group.parts.map((part) => part.block))].join(", ")],
        ["Depth", count(group.parts.length)],
        ["Output", dims(output(last).dims)],
        ["for any H, W", output(last).text],
        ...sums(group.layers),
        ...places([], scopes),
      ]),
    ];
  }

  function ofLine({ name, line, layers }) {
    const shown = layers.slice(0, 80);
    return [
      heading(
        `${name}:${line}`,
        layers.length
          ? `${plural(layers.length, "layer")} come${layers.length === 1 ? "s" : ""} from this line`
          : "no layer comes from this line",
      ),
      layers.length ? table(sums(layers)) : null,
      layers.length
        ? element(
            "ul",
            { class: "names" },
            ...shown.map((layer) => element("li", {}, linkTo(layer))),
          )
        : null,
      layers.length > shown.length
        ? element("p", {}, `and ${count(layers.length - shown.length)} more`)
        : null,
    ];
  }

  function nothing() {
    const { network } = model;
    return [
      heading(network.title, network.name),
      element(
        "p",
        { class: "hint" },
        "Choose a layer, a block or a line: in the diagram, in the outline, in the spec or in the source.",
      ),
      table([
        ["Input", `${dims(network.input.dims)}, or ${network.input.text}`],
        ["Output", network.output],
        ["Weighted layers", `${network.breakdown} = ${network.weighted_layers}`],
        ...sums(model.layers).slice(1),
        ["Smallest input", network.smallest],
        ["Made by", network.made],
      ]),
    ];
  }

  function heading(name, what) {
    return element("div", { class: "heading" }, element("h2", {}, name), element("p", {}, what));
  }

  function folding(key) {
    const isOpen = actions.isOpen(key);
    return button(isOpen ? "Fold" : "Unfold", () => actions.toggle(key), {
      "aria-expanded": String(isOpen),
    });
  }

  return {
    // Show what is chosen: {kind, thing}, or nothing.
    show(newModel, chosen) {
      model = newModel;
      const make = { layer: ofLayer, part: ofPart, stage: ofStage, line: ofLine };
      const nodes = chosen ? make[chosen.kind](chosen.thing) : nothing();
      pane.replaceChildren(...nodes.filter(Boolean));
      pane.scrollTop = 0;
    },
  };
}
