// What the page around the network does by itself: hand on new data to the frame, move the cursor, ask before unsaved text is left.
window.resnetcServe = (() => {
  "use strict";
  let editor, frame, address;
  let isUnsaved = false, isStale = false;

  async function send() {
    const answer = await fetch(address);
    if (!answer.ok) return;
    const data = await answer.json();
    frame.contentWindow.postMessage({ type: "resnetc.update", data }, window.origin);
    frame.classList.toggle("stale", isStale);
  }

  function begin(editorId, frameId, from) {
    address = from;
    frame = document.getElementById(`c${frameId}`);
    frame.addEventListener("load", send); // what was typed while it loaded
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
    if (frame) send();
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
