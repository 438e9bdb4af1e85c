// Single keys for MaxSight's buttons. They can be switched off, as speech control needs it.
(() => {
  "use strict";
  if (window.releafMaxSightKeys) return;

  const words = window.releafMaxSightWords;
  const STORED_AS = "releaf-maxsight-keys";
  const TYPED_INTO = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]";
  const tab = () => document.getElementById("maxsight");
  const isIdle = () => tab().dataset.phase === "idle";
  const BUTTONS = {
    s: () => (isIdle() ? "maxsight-start" : "maxsight-stop"),
    r: () => "maxsight-repeat",
    m: () => "maxsight-mute",
    a: () => "maxsight-around",
    t: () => "maxsight-read",
    escape: () => (isIdle() ? null : "maxsight-stop"),
  };

  // Storage is closed in some private windows; the choice then holds until the page is left.
  let areOn = true;
  try {
    areOn = localStorage.getItem(STORED_AS) !== "off";
  } catch {
    areOn = true;
  }

  function mark() {
    const button = document.querySelector("[data-maxsight-keys]");
    if (button && button.getAttribute("aria-pressed") !== String(areOn)) {
      button.setAttribute("aria-pressed", String(areOn));
    }
  }

  function toggle() {
    areOn = !areOn;
    mark();
    window.releaf.announce(words.say(areOn ? "said.keys_on" : "said.keys_off"), false, words.language());
    try {
      localStorage.setItem(STORED_AS, areOn ? "on" : "off");
    } catch {
      return;
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    if (!tab()?.offsetParent || event.target.closest?.(TYPED_INTO)) return;
    const key = event.key.toLowerCase();
    const id = key === "escape" || areOn ? BUTTONS[key]?.() : null;
    if (!id) return;
    event.preventDefault();
    document.getElementById(id)?.click();
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-maxsight-keys]")) toggle();
  });

  window.releaf.onChange(mark);
  window.releafMaxSightKeys = { toggle };
})();
