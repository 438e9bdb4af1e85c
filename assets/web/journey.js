// The journey: buttons that lead from a thing to the chat and to the page with all of it.
(() => {
  "use strict";
  if (window.releafJourney) return;

  const { openTab, send, whenThere } = window.releafUpcycle;
  const find = (selector) => document.querySelector(selector);
  const visible = (selector) => (find(selector)?.offsetParent ? find(selector) : null);

  function focusOn(selector) {
    whenThere(() => visible(selector), (part) => {
      part.focus({ preventScroll: true });
      part.scrollIntoView({ block: "nearest" });
    });
  }

  // The button that was pressed is on another tab now, so the conversation takes the focus.
  function ask(action) {
    openTab("ask");
    send("ask-action", action);
    focusOn('#ask-chat [role="log"]');
  }

  // The focus goes on to the answer, unless the person has moved it.
  function answered() {
    const log = find('#ask-chat [role="log"]');
    const answer = [...document.querySelectorAll('#ask-chat [data-testid="bot"]')].pop();
    if (!answer || ![log, document.body].includes(document.activeElement)) return;
    answer.tabIndex = -1;
    answer.focus({ preventScroll: true });
  }

  function openPage(action) {
    openTab("waste");
    send("journey-action", action);
    focusOn("#journey-title h2");
  }

  // Back at the photo, the focus is where the page was opened.
  function returned() {
    focusOn('#waste-answer [data-journey^="all:"]');
  }

  // The button is gone with the thing; the open tab takes the focus.
  function forget() {
    find("#journey-forget")?.click();
    find('#tabs [role="tab"][aria-selected="true"]')?.focus();
  }

  function openSource(id) {
    const source = document.getElementById(id);
    if (!source) return;
    source.open = true;
    source.querySelector("summary").focus({ preventScroll: true });
    source.scrollIntoView({ block: "nearest" });
  }

  const actions = { ask, all: openPage, forget };
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const button = target?.closest("[data-journey]");
    if (button) actions[button.dataset.journey.split(":")[0]]?.(button.dataset.journey);
    const number = target?.closest('a[href^="#journey-source-"]');
    if (!number) return;
    event.preventDefault();
    openSource(number.getAttribute("href").slice(1));
  });

  window.releafJourney = { answered, returned };
})();
