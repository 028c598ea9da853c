// The page: what is chosen and what is unfolded, and the views that show it.

const state = { model: null, files: [], unfolded: new Set(), chosen: null };
const READABLE = 0.3; // stages are opened at first where blocks are at least this large in the window
const FEW = 8; // a stem or head with so many layers is shown unfolded

const actions = {
  choose,
  chooseLine,
  showLine,
  toggle,
  say,
  isOpen: (key) => state.unfolded.has(key),
};
const diagram = makeDiagram(actions);
const outline = makeOutline(actions);
const search = makeSearch(actions);
const details = makeDetails(actions);
const spec = makeListing("spec", actions);
const source = makeListing("source", actions);

function say(text) {
  byId("status").textContent = text;
}

// --- choosing ---

// Choose what has this key; `isFar` where it is chosen from elsewhere, and may have to be unfolded first.
function choose(key, isFar = false) {
  const found = state.model.keys.get(key);
  if (!found) return;
  if (isFar) openAround(found);
  state.chosen = { ...found, key };
  show();
  openTab("tab-selection");
  if (isFar) diagram.reveal(key);
  say(about(found));
}

function about({ kind, thing }) {
  if (kind === "layer")
    return `${thing.name}: ${thing.operator.label}, output ${dims(thing.shape.dims)}, ${plural(thing.parameters, "parameter")}`;
  if (kind === "part")
    return `${thing.name}: ${plural(thing.count, "layer")}, output ${dims(output(thing).dims)}`;
  return `${thing.name}: ${plural(thing.parts.length, "block")}`;
}

function openAround({ kind, thing }) {
  const part = kind === "layer" ? thing.part : thing;
  const wanted =
    kind === "layer" ? [part.key, part.group.key] : kind === "part" ? [part.group.key] : [];
  const closed = wanted.filter((key) => !state.unfolded.has(key));
  if (closed.length) unfoldTo([...state.unfolded, ...closed], null);
}

// Choose the layers that a line stands for; file -1 is the source.
function chooseLine(file, line) {
  const { model } = state;
  if (!model) return;
  const name = file < 0 ? "source" : state.files[file].name;
  const layers = file >= 0 && model.isStale ? [] : layersAt(model, file, line);
  state.chosen = { kind: "line", key: null, thing: { name, line, file, layers } };
  show({ file });
  openTab("tab-selection");
  if (layers.length) diagram.reveal(layers[0].key);
  say(`${name}, line ${line}: ${plural(layers.length, "layer")}`);
}

function showLine(file, line) {
  openTab(file < 0 ? "tab-source" : "tab-spec");
  (file < 0 ? source : spec).scrollTo(file, line);
}

// Everything that has to do with what is chosen: keys for the diagram and the outline, places for the texts.
function related() {
  const { model, chosen } = state;
  if (!chosen) return { keys: new Set(), places: { near: [], around: [] } };
  const { kind, thing } = chosen;
  if (kind === "layer")
    return { keys: new Set(), places: placesOf(model, [thing], scopesAround(model, thing.name)) };
  if (kind === "part") {
    const scope = model.scopes.get(thing.name);
    return {
      keys: new Set(),
      places: scope ? placesOf(model, [], [scope]) : placesOf(model, thing.layers, []),
    };
  }
  if (kind === "stage") {
    const scopes = thing.parts.map((part) => model.scopes.get(part.name)).filter(Boolean);
    return { keys: new Set(), places: placesOf(model, [], scopes) };
  }
  const keys = new Set(
    thing.layers.flatMap((layer) => [layer.key, layer.part.key, layer.part.group.key]),
  );
  const { near, around } = placesOf(model, thing.layers, []);
  const own = { file: thing.file, first: thing.line, last: thing.line };
  return {
    keys,
    places: { near: [own, ...near.filter((each) => each.file !== thing.file)], around },
  };
}

// Places in the spec as it was when the network was made are none in a text that was changed since and is wrong.
function valid({ near, around }) {
  const isValid = ({ file }) => file < 0 || !state.model.isStale;
  return { near: near.filter(isValid), around: around.filter(isValid) };
}

// Show what is chosen in all views; the text in which a line was clicked stays where it is.
function show({ file = null } = {}) {
  const { keys, places: all } = related();
  const places = valid(all);
  const key = state.chosen ? state.chosen.key : null;
  details.show(state.model, state.chosen);
  diagram.light(key, keys);
  outline.light(key, keys);
  spec.light(places, file === null || file < 0);
  source.light(places, file === null || file >= 0);
}

// --- folding ---

function unfoldTo(keys, anchor) {
  state.unfolded = new Set(keys);
  diagram.show(state.model, state.unfolded, anchor);
  outline.show(state.model, state.unfolded);
}

function toggle(key) {
  const next = new Set(state.unfolded);
  if (!next.delete(key)) next.add(key);
  unfoldTo(next, key);
  const { chosen } = state;
  if (chosen && chosen.key === key) details.show(state.model, chosen);
  say(`${key.slice(key.indexOf(":") + 1)} ${next.has(key) ? "unfolded" : "folded"}`);
}

function stageKeys(model) {
  return model.groups.filter((group) => group.stage >= 0).map((group) => group.key);
}

// Short stems and heads, which are worth seeing from the start.
function shortKeys(model) {
  return model.groups
    .filter((group) => group.stage < 0 && group.layers.length <= FEW)
    .map((group) => group.key);
}

// Unfold just these, in columns that suit them and the window, and show everything.
function arrangeAnew(keys) {
  diagram.begin(state.model, new Set(keys));
  unfoldTo(keys, null);
  diagram.fit();
  show();
}

byId("fold-all").addEventListener("click", () => arrangeAnew([]));
byId("open-stages").addEventListener("click", () =>
  arrangeAnew([...stageKeys(state.model), ...shortKeys(state.model)]),
);
byId("unfold-all").addEventListener("click", () =>
  arrangeAnew([...stageKeys(state.model), ...state.model.parts.map((part) => part.key)]),
);

// --- tabs, theme ---

for (const list of document.querySelectorAll("[role=tablist]")) {
  const tabs = [...list.querySelectorAll("[role=tab]")];
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) openTab(tab.id);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const next = tabs[(at + step + tabs.length) % tabs.length];
    openTab(next.id);
    next.focus();
    event.preventDefault();
  });
}

function openTab(id) {
  const tab = byId(id);
  if (tab.getAttribute("aria-selected") === "true") return;
  for (const each of tab.parentNode.querySelectorAll("[role=tab]")) {
    const isOpen = each === tab;
    each.setAttribute("aria-selected", String(isOpen));
    if (isOpen) each.removeAttribute("tabindex");
    else each.setAttribute("tabindex", "-1");
    byId(each.getAttribute("aria-controls")).hidden = !isOpen;
  }
  const texts = { "tab-spec": spec, "tab-source": source }[id];
  if (texts && state.model) texts.light(valid(related().places));
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function showTheme() {
  byId("theme").setAttribute("aria-pressed", String(isDark()));
}

byId("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);

// --- data ---

function drawHeader({ network }) {
  byId("title").textContent = network.title;
  byId("subtitle").textContent =
    `${network.name === network.title ? "" : `${network.name} · `}${dims(network.input.dims)} → ${network.output}`;
  const held = network.adds.every((add) => add.holds);
  const adds = !network.adds.length
    ? "none"
    : `${network.adds.length}, ${held ? "equal" : "not all"} at ${network.proved_sizes}`;
  const facts = [
    ["weighted layers", `${network.breakdown} = ${network.weighted_layers}`],
    ["parameters", count(network.parameters)],
    [`MACs at ${dims(network.input.dims.slice(1))}`, count(network.macs)],
    ["residual adds", adds],
  ];
  byId("totals").replaceChildren(
    ...facts.map(([name, text]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, text)),
    ),
  );
  document.title = `${network.title} · resnetc`;
}

function drawLegend(model) {
  const kinds = new Set(model.parts.map((part) => part.shortcut));
  const entry = (kind, text) =>
    element(
      "span",
      {},
      drawn(
        "svg",
        { width: 34, height: 12 },
        drawn("path", { d: "M2 6H32", class: `shortcut ${kind}` }),
      ),
      text,
    );
  const words = {
    identity: "identity shortcut",
    projection: "projection shortcut",
    parameter_free: "shortcut without parameters",
  };
  const present = Object.keys(words).filter((kind) => kinds.has(kind));
  byId("legend").replaceChildren(...present.map((kind) => entry(kind, words[kind])));
}

function drawFindings(diagnostics, files) {
  const box = byId("findings");
  box.hidden = !diagnostics.length;
  box.replaceChildren(
    ...diagnostics.map((each) => {
      const start = each.range ? each.range.start : null;
      const file = files.findIndex((one) => one.name === each.file);
      const place = start ? `${each.file}:${start.line}:${start.column}` : "";
      return element(
        "div",
        { class: `finding ${each.severity}` },
        element("strong", {}, `${each.severity} ${each.code} `),
        file >= 0 && start
          ? button(place, () => showLine(file, start.line), { class: "link" })
          : place,
        element("span", {}, ` ${each.summary}`),
        each.detail ? element("span", { class: "detail" }, ` (${each.detail})`) : null,
        each.help ? element("div", { class: "help" }, each.help) : null,
      );
    }),
  );
}

// The files of a spec, with what was found at their lines.
function showSpec({ files, diagnostics }, links) {
  const findings = diagnostics
    .filter((each) => each.range)
    .map((each) => ({ file: each.file, line: each.range.start.line, text: each.summary }));
  const texts = files.map((file, at) => [file.name, file.text, at]);
  spec.show(texts, links, findings);
}

// Show other data in the place of what is shown, keeping what is chosen, unfolded and in the window.
function update(data) {
  const model = data.network
    ? makeModel(data.network, data.files)
    : state.model && { ...state.model, isStale: true };
  state.files = data.files;
  drawFindings(data.diagnostics, data.files);
  for (const id of ["outline-region", "diagram-region", "about-region"]) byId(id).inert = !model;
  byId("search").disabled = !model;
  if (!model) {
    showSpec(data, () => new Set());
    return;
  }
  const before = state.model;
  const isFirst = !before;
  state.model = model;
  if (isFirst) {
    state.unfolded = new Set([...stageKeys(model), ...shortKeys(model)]);
    if (diagram.begin(model, state.unfolded) < READABLE) {
      state.unfolded = new Set(shortKeys(model));
      diagram.begin(model, state.unfolded);
    }
  } else if (
    !stageKeys(before).length ||
    stageKeys(before).some((key) => state.unfolded.has(key))
  ) {
    for (const key of stageKeys(model)) if (!before.keys.has(key)) state.unfolded.add(key); // new ones, as the others are
  }
  const { chosen } = state;
  if (chosen && chosen.key) {
    const again = model.keys.get(chosen.key);
    state.chosen = again ? { ...again, key: chosen.key } : null;
  } else state.chosen = null; // a line's text may have moved
  drawHeader(model);
  drawLegend(model);
  drawCharts(model);
  drawAdds(model, actions);
  search.show(model);
  showSpec(data, (file) => (model.isStale ? new Set() : linkedLines(model, file)));
  source.show([["model.py", model.network.source, -1]], () => linkedLines(model, -1), []);
  diagram.show(model, state.unfolded);
  outline.show(model, state.unfolded);
  if (isFirst) diagram.fit();
  show();
}

showTheme();
update(JSON.parse(byId("data").textContent));
window.resnetc = Object.freeze({ update });
window.addEventListener("message", (event) => {
  const isOurs =
    event.origin === window.origin && event.origin !== "null" && event.source === window.parent;
  if (isOurs && event.data && event.data.type === "resnetc.update") update(event.data.data);
});
