// What the page around the network does by itself: hand on new data to the frame, move the cursor, ask before unsaved text is left.
window.resnetcServe = (() => {
  "use strict";
  let editor, frame, address;
  let isUnsaved = false, isStale = false;
  let asked = 0, sent = 0;

  // Give the frame the data that the server has under a name; an answer that was overtaken by a later one is left out.
  async function send(name) {
    const number = ++asked;
    const answer = await fetch(address + name);
    if (!answer.ok) return;
    const data = await answer.json();
    if (number < sent) return;
    sent = number;
    frame.contentWindow.postMessage({ type: "resnetc.update", data }, window.origin);
    frame.classList.toggle("stale", isStale);
  }

  async function fill() {
    if (isStale) await send("good"); // the network before, where the text is wrong by now
    await send("data");
  }

  function begin(editorId, frameId, from) {
    address = from;
    frame = document.getElementById(`c${frameId}`);
    frame.addEventListener("load", fill); // what was typed while it loaded
    const component = getElement(editorId);
    const wait = setInterval(() => {
      if (!component.editor) return;
      clearInterval(wait);
      editor = component.editor;
      editor.contentDOM.setAttribute("aria-label", "Spec");
      editor.contentDOM.tabIndex = 0; // it is reached in any case; now those who ask can see that
      const dark = window.matchMedia("(prefers-color-scheme: dark)");
      const theme = () => component.setTheme(dark.matches ? "githubDark" : "githubLight");
      dark.addEventListener("change", theme);
      theme();
      editor.focus();
    }, 20);
  }

  function refresh(isWrong) {
    isStale = isWrong;
    if (frame) send("data");
  }

  function choose(from, to) {
    const end = editor.state.doc.length;
    editor.dispatch({ selection: { anchor: Math.min(from, end), head: Math.min(to, end) }, scrollIntoView: true });
    editor.focus();
  }

  window.addEventListener("beforeunload", (event) => {
    if (isUnsaved) event.preventDefault();
  });
  return Object.freeze({ begin, refresh, choose, setUnsaved: (value) => { isUnsaved = value; } });
})();
