// The words that MaxSight's page says by itself, in the language of the alerts.
(() => {
  "use strict";
  if (window.releafMaxSightWords) return;

  const DEFAULT = { language: "en", tag: "en-US" };
  let all = null;
  let language = DEFAULT.language;

  // The words come with the tab, which Gradio draws when it is first opened.
  function own() {
    if (!all) {
      const part = document.getElementById("maxsight-words");
      all = part ? JSON.parse(part.dataset.words) : null;
    }
    return all?.[language] ?? null;
  }

  // A text by its name, such as "state.stopped"; empty as long as the tab is not drawn.
  function say(name, given = {}) {
    const text = own()?.texts[name] ?? "";
    return text.replace(/\{(\w+)\}/g, (_, place) => given[place] ?? "");
  }

  const has = (name) => Boolean(own()?.texts[name]);

  function setLanguage(wanted) {
    if (wanted) language = wanted;
  }

  window.releafMaxSightWords = {
    say, has, setLanguage,
    language: () => language,
    tag: () => own()?.tag ?? DEFAULT.tag,
  };
})();
