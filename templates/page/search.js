// Search by name: what is typed stands anywhere in the name of a layer, a block or a stage.

const MOST = 60;

function makeSearch(actions) {
  const field = byId("search");
  const list = byId("results");
  let model = null;
  let found = [];
  let active = 0;

  function search() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rank = (name) => (name === words[0] ? 0 : name.endsWith(`.${words[0]}`) ? 1 : name.startsWith(words[0]) ? 2 : 3);
    const all = [];
    for (const [key, { kind, thing }] of words.length ? model.keys : []) {
      const name = thing.name.toLowerCase();
      if (words.every((word) => name.includes(word))) all.push({ key, thing, kind, rank: rank(name) });
    }
    all.sort((a, b) => a.rank - b.rank);
    found = all.slice(0, MOST);
    active = 0;
    list.hidden = !words.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    draw();
    const more = all.length > MOST ? `, the first ${MOST} shown` : "";
    if (words.length) actions.say(`${plural(all.length, "result")}${more}`);
    if (all.length > MOST) list.append(element("div", { class: "more", role: "presentation" }, `and ${count(all.length - MOST)} more`));
    if (words.length && !all.length) {
      list.append(element("div", { role: "option", "aria-disabled": "true", "aria-selected": "false", class: "more" }, "no such name"));
    }
  }

  function draw() {
    list.replaceChildren(...found.map(({ key, thing, kind }, at) =>
      element(
        "div",
        { role: "option", id: `result-${at}`, "aria-selected": String(at === active), "data-key": key },
        element("span", { class: "label" }, thing.name),
        element("span", { class: "note" }, kind === "layer" ? thing.operator.label : kind === "part" ? thing.block || "part" : "stage"),
      )));
    const current = found.length && !list.hidden ? `result-${active}` : "";
    if (current) field.setAttribute("aria-activedescendant", current);
    else field.removeAttribute("aria-activedescendant");
    if (current) byId(current).scrollIntoView({ block: "nearest" });
  }

  function close() {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function take(key) {
    close();
    actions.choose(key, true);
  }

  field.addEventListener("input", search);
  field.addEventListener("focus", () => field.value && search());
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      if (list.hidden) search();
      else active = (active + step + found.length) % found.length;
      draw();
      event.preventDefault();
    } else if (event.key === "Enter" && found.length && !list.hidden) take(found[active].key);
    else if (event.key === "Escape") {
      field.value = "";
      close();
    }
  });
  list.addEventListener("pointerdown", (event) => {
    const node = event.target.closest("[data-key]");
    event.preventDefault(); // the field keeps the focus
    if (node) take(node.dataset.key);
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, [contenteditable]");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
  return {
    show(newModel) {
      model = newModel;
    },
  };
}
