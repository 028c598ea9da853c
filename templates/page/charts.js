// What the parts of a network cost, stage by stage: bars, with the same numbers as a table. And the list of residual adds.

const MEASURES = [
  ["Parameters", "parameters", short, count],
  ["MACs", "macs", short, count],
  ["Activation memory", "memory", bytes, (number) => `${count(number)} B`],
];

function drawCharts(model) {
  const groups = model.groups.map((group) => ({ ...group, ...costs(group.layers) }));
  const pane = byId("charts");
  const rows = groups.map((group) => [
    group.name,
    ...MEASURES.map(([, field, , exact]) => exact(group[field])),
  ]);
  const numbers = table(rows, ["stage", ...MEASURES.map(([name]) => name)]);
  numbers.classList.add("numbers");
  pane.replaceChildren(
    ...MEASURES.map(([name, field, text]) => chart(name, groups, field, text)),
    element(
      "p",
      { class: "hint" },
      "Activation memory is what all layers put out, as float32, for one image of the declared size.",
    ),
    element("details", {}, element("summary", {}, "The same as a table"), numbers),
  );
}

function chart(name, groups, field, text) {
  const total = groups.reduce((sum, group) => sum + group[field], 0);
  const most = Math.max(1, ...groups.map((group) => group[field]));
  const [height, left, width] = [22, 76, 210];
  const bars = groups.map((group, at) => {
    const y = at * height;
    const share = total ? Math.round((100 * group[field]) / total) : 0;
    return drawn(
      "g",
      { class: colour(group.stage) },
      label(group.name, left - 8, y + 15, "end", 11),
      drawn("rect", {
        x: left,
        y: y + 3,
        width: Math.max(1, (width * group[field]) / most),
        height: height - 7,
        rx: 3,
        class: "bar-box",
      }),
      label(
        `${text(group[field])} · ${share}%`,
        left + (width * group[field]) / most + 6,
        y + 15,
        "value",
        30,
      ),
    );
  });
  const said = `${name} by stage: ${groups.map((group) => `${group.name} ${text(group[field])}`).join(", ")}`;
  return element(
    "figure",
    {},
    element("figcaption", {}, element("strong", {}, name), ` ${text(total)}`),
    drawn(
      "svg",
      {
        viewBox: `0 0 400 ${groups.length * height}`,
        role: "img",
        "aria-label": said,
        class: "chart",
      },
      ...bars,
    ),
  );
}

function drawAdds(model, actions) {
  const adds = model.network.adds;
  const held = adds.filter((add) => add.holds).length;
  const said = !adds.length
    ? "This network has no residual adds."
    : held === adds.length
      ? `${plural(adds.length, "residual add")}: both sides are equal at ${model.network.proved_sizes}.`
      : `${plural(adds.length, "residual add")}, ${adds.length - held} of them not at ${model.network.proved_sizes}.`;
  const items = adds.map((add) => {
    const layer = model.layers[add.layer];
    return element(
      "li",
      { class: add.holds ? "holds" : "fails" },
      button(layer.name, () => actions.choose(layer.key, true), { class: "link" }),
      element(
        "div",
        {},
        add.sides[0] === add.sides[1]
          ? `both ${add.sides[0]}`
          : `${add.sides[0]} and ${add.sides[1]}`,
      ),
      add.holds ? null : element("div", { class: "why" }, add.verdict),
    );
  });
  byId("adds").replaceChildren(element("p", {}, said), element("ul", { class: "adds" }, ...items));
}
