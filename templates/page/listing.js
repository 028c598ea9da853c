// The spec and the source, line by line: a line shows the layers that come from it, and layers show their lines.

const WORDS = {
  spec: /(#.*$)|("(?:[^"\\]|\\.)*"|'[^']*')|([A-Za-z_*"][\w.*]*(?=:(?:\s|$)))/g,
  source: /(#.*$)|("(?:[^"\\]|\\.)*")|\b(class|def|return|import|from|for|in|if|is|else|elif|not|None|True|False)\b/g,
};

// A line with its comments, texts and words in colours.
function coloured(text, pattern) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    pieces.push(text.slice(end, match.index));
    pieces.push(element("span", { class: match[1] ? "comment" : match[2] ? "string" : "word" }, match[0]));
    end = match.index + match[0].length;
  }
  return [...pieces, text.slice(end)].filter(Boolean);
}

// A pane of texts; `kind` is "spec" or "source". Files are numbered as in the data, the source is -1.
function makeListing(kind, actions) {
  const pane = byId(kind);
  let lists = [];

  function listOf(name, text, file, linked, findings) {
    const lines = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
    const options = lines.map((line, at) => {
      const said = findings.filter((each) => each.line === at + 1);
      return element(
        "div",
        {
          role: "option",
          id: `${kind}-${Math.max(file, 0)}-${at + 1}`,
          "aria-selected": "false",
          class: `line ${linked.has(at + 1) ? "linked" : ""} ${said.length ? "wrong" : ""}`,
          "data-line": at + 1,
        },
        element("span", { class: "number", "aria-hidden": "true" }, String(at + 1)),
        element("code", {}, ...coloured(line, WORDS[kind])),
        ...said.map((each) => element("span", { class: "said" }, each.text)),
      );
    });
    const label = `${name}, line by line; Enter shows the layers that come from a line`;
    const box = element("div", { role: "listbox", tabindex: 0, class: "lines", "aria-label": label }, ...options);
    const list = { file, box, options, active: 0 };
    const goTo = (at) => {
      options[list.active].classList.remove("active");
      list.active = Math.min(options.length - 1, Math.max(0, at));
      options[list.active].classList.add("active");
      box.setAttribute("aria-activedescendant", options[list.active].id);
    };
    const next = (by) => {
      let at = list.active + by;
      while (at > 0 && at < options.length - 1 && !options[at].classList.contains("linked")) at += by;
      goTo(at);
    };
    const KEYS = {
      ArrowDown: () => next(1),
      ArrowUp: () => next(-1),
      Home: () => goTo(0),
      End: () => goTo(options.length - 1),
      Enter: () => actions.chooseLine(file, list.active + 1),
      " ": () => actions.chooseLine(file, list.active + 1),
    };
    box.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
      event.preventDefault();
      KEYS[event.key]();
      options[list.active].scrollIntoView({ block: "nearest" });
    });
    box.addEventListener("click", (event) => {
      const node = event.target.closest("[data-line]");
      if (!node || !getSelection().isCollapsed) return; // text is being marked
      goTo(Number(node.dataset.line) - 1);
      actions.chooseLine(file, list.active + 1);
    });
    list.goTo = goTo;
    return list;
  }

  return {
    // `texts` are [name, text, file]; `links` gives the lines of a file that layers come from.
    show(texts, links, findings) {
      const scroll = pane.scrollTop;
      lists = texts.map(([name, text, file]) => listOf(name, text, file, links(file), findings.filter((each) => each.file === name)));
      pane.replaceChildren(...lists.flatMap((list, at) => [
        element("h3", {}, texts[at][0]),
        list.box,
      ]));
      pane.scrollTop = scroll;
    },
    // Mark the lines of these places, and bring the first of the near ones into sight.
    light({ near, around }, isScrolling = true) {
      let first = null;
      for (const list of lists) {
        const isIn = (places, line) => places.some((each) => each.file === list.file && each.first <= line && line <= each.last);
        list.options.forEach((option, at) => {
          const isNear = isIn(near, at + 1);
          option.classList.toggle("near", isNear);
          option.classList.toggle("around", !isNear && isIn(around, at + 1));
          option.setAttribute("aria-selected", String(isNear));
          if (isNear && !first) first = [list, at];
        });
      }
      if (!first || !isScrolling || pane.hidden) return;
      this.scrollTo(first[0].file, first[1] + 1);
    },
    scrollTo(file, line) {
      const list = lists.find((each) => each.file === file);
      const option = list && list.options[line - 1];
      if (!option) return;
      list.goTo(line - 1);
      const [edge, box] = [pane.getBoundingClientRect(), option.getBoundingClientRect()];
      if (box.top < edge.top + 30 || box.bottom > edge.bottom - 10) pane.scrollTop += box.top - edge.top - edge.height / 3;
    },
  };
}
