// The tour: five steps through the tabs. Each puts a prepared input into the page as a person would,
// and the models answer it.
(() => {
  "use strict";
  if (window.releafTour) return;

  const byId = (id) => document.getElementById(id);
  const find = (selector) => document.querySelector(selector);
  const POLL_MS = 50;
  // The page itself may still be drawn, and the first question waits for its models.
  const PATIENCE_MS = 240000;
  const LATE_MS = 20000;
  // The step is announced before the answer is.
  const HEAD_START_MS = 400;
  const isStill = window.matchMedia("(prefers-reduced-motion: reduce)");
  const KEYS = {
    ArrowRight: "next", PageDown: "next", " ": "next",
    ArrowLeft: "back", PageUp: "back", Home: "restart", Escape: "end",
  };
  // Where these have the focus, keys are theirs.
  const TYPED_INTO = 'input, textarea, select, [contenteditable]:not([contenteditable="false"])';
  const PRESSED = 'button, a[href], summary, [role="button"], [role="tab"], [role="option"]';
  const STEERED = '[role="tab"], [role="slider"], [role="listbox"], [tabindex="0"]:not(button)';

  let steps = [];
  let at = -1;
  // Every move makes the one before it stop waiting.
  let run = 0;
  let answered = new Set();

  const isOn = () => at >= 0;
  const bar = () => byId("tour");
  const part = (name) => bar().querySelector(`[data-part="${name}"]`);
  const button = (name) => bar().querySelector(`button[data-tour="${name}"]`);

  class LeftBehind extends Error {}

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  // Resolves with what `look` finds, and rejects when the tour has moved on or waits too long.
  async function until(own, look) {
    for (let waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
      if (own !== run) throw new LeftBehind();
      const found = look();
      if (found) return found;
      await pause(POLL_MS);
    }
    throw new Error("no answer");
  }

  const seen = (selector) => {
    const found = find(selector);
    return found?.offsetParent ? found : null;
  };

  function type(field, text) {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const example = (name) => find(`#waste-examples img[src$="${CSS.escape(name)}"]`);

  // Counts what the page says of its own accord: an outcome is announced once it is on the page.
  let outcomes = 0;
  let ownWords = "";
  function listen() {
    const region = byId("live-polite");
    if (!region || region.dataset.tourListens) return;
    region.dataset.tourListens = "yes";
    new MutationObserver(() => {
      if (region.textContent && region.textContent !== ownWords) outcomes += 1;
    }).observe(region, { childList: true });
  }

  async function afterOutcome(own, act) {
    const before = outcomes;
    act();
    await until(own, () => outcomes > before);
  }

  // --- A way for each kind of input: how it is put in, what is then in sight ------------------

  async function removePicture(own, place) {
    const shown = () => find(`#${place} button[aria-label="Remove Image"]`);
    if (!shown()) return;
    shown().click();
    await until(own, () => !shown());
  }

  const WAYS = {
    photo: {
      async put(own, step) {
        seen("#journey-back")?.click();
        const picture = await until(own, () => example(step.given));
        await afterOutcome(own, () => picture.closest("button").click());
        await until(own, () => find("#waste-answer section:not(.answer-empty)"));
      },
      show: () => byId("waste-answer"),
    },
    question: {
      async put(own, step) {
        const box = await until(own, () => seen("#ask-box textarea"));
        type(box, step.given);
        await pause(POLL_MS);
        await afterOutcome(own, () => byId("ask-send").click());
      },
      show: () => byId("ask-chat"),
      // The only input that adds to what stands there; the others take its place.
      async clear(own) {
        const clear = [...document.querySelectorAll("#ask-chat button")].find(
          (one) => (one.getAttribute("aria-label") ?? one.title) === "Clear",
        );
        clear?.click();
        await until(own, () => !find('#ask-chat [data-testid="bot"]'));
      },
    },
    thing: {
      async put(own, step) {
        const field = await until(own, () => seen("#upcycle-name :is(input, textarea)"));
        type(field, step.given);
        await pause(POLL_MS);
        await afterOutcome(own, () => find("#upcycle-name button").click());
        await until(own, () => find("#upcycle-list .project-card"));
      },
      show: () => {
        openView("Projects");
        // Not by the button itself, which takes the focus with it.
        if (find('#upcycle-project [data-go="back:"]')) window.releafUpcycle.send("upcycle-action", "back:");
        return byId("upcycle-views");
      },
    },
    path: {
      async put(own) {
        openView("Projects");
        if (!seen("#upcycle-project article")) {
          const first = await until(own, () => seen("#upcycle-list .project-card h3 button"));
          await afterOutcome(own, () => window.releafUpcycle.send("upcycle-action", first.dataset.go));
        }
        // It is there once the reasons are found.
        await until(own, () => find('#upcycle-reason [data-tab="graph"]'));
        openView("Graph");
        await until(own, () => seen("#upcycle-words .lit-path"));
      },
      show: () => {
        openView("Graph");
        return byId("upcycle-views");
      },
    },
    scene: {
      async put(own, step) {
        const header = await until(own, () => seen("#maxsight-files > button.label-wrap"));
        if (!header.classList.contains("open")) header.click();
        await removePicture(own, "maxsight-photo");
        const field = await until(own, () => find('#maxsight-photo input[type="file"]'));
        const picture = await fetch(example(step.given).src).then((answer) => answer.blob());
        if (own !== run) throw new LeftBehind();
        const files = new DataTransfer();
        files.items.add(new File([picture], step.given, { type: picture.type }));
        field.files = files.files;
        field.dispatchEvent(new Event("change", { bubbles: true }));
        await until(own, () => seen("#maxsight-picture img"));
      },
      show: () => byId("maxsight-live"),
    },
  };

  function openTab(tab) {
    if (tab.getAttribute("aria-selected") !== "true") tab.click();
  }

  function openView(name) {
    const views = [...document.querySelectorAll('#upcycle-views [role="tab"]')];
    const view = views.find((one) => one.textContent.trim() === name);
    if (view && view.getAttribute("aria-selected") !== "true") view.click();
  }

  // --- Going from step to step ----------------------------------------------------------------

  function write(name, text) {
    if (part(name).textContent !== text) part(name).textContent = text;
  }

  function wait(text, isLate = false) {
    write("wait", text);
    part("wait").classList.toggle("is-late", isLate);
  }

  function describe(step) {
    write("count", `Step ${at + 1} of ${steps.length}`);
    write("title", step.title);
    write("text", step.look_at);
    button("back").setAttribute("aria-disabled", String(at === 0));
    button("next").setAttribute("aria-disabled", String(at === steps.length - 1));
    ownWords = `Step ${at + 1} of ${steps.length}. ${step.title}. ${step.look_at}`;
    window.releaf.announce(ownWords);
  }

  function scrollTo(goal) {
    goal?.scrollIntoView({ block: "start", behavior: isStill.matches ? "auto" : "smooth" });
  }

  async function go(to) {
    const own = (run += 1);
    at = to;
    const step = steps[at];
    const way = WAYS[step.kind];
    const isNew = !answered.has(at);
    describe(step);
    bar().dataset.state = "waiting";
    wait(isNew ? "Waiting for the answer …" : "");
    const late = setTimeout(() => {
      if (own === run) wait("The answer takes long. You can wait, or go on.", true);
    }, LATE_MS);
    try {
      const tab = await until(own, () => byId(`tab-${step.tab}-button`));
      openTab(tab);
      if (isNew) {
        await pause(HEAD_START_MS);
        if (own !== run) return;
        await keepingFocus(own, () => way.put(own, step));
        answered.add(at);
      }
      scrollTo(way.show());
      wait("");
      bar().dataset.state = "there";
    } catch (error) {
      if (own !== run || error instanceof LeftBehind) return;
      wait("No answer came. Go on, or press Start over.", true);
      bar().dataset.state = "late";
    } finally {
      clearTimeout(late);
    }
  }

  // An answer may take the focus to where it stands; a presenter's next key must still work.
  async function keepingFocus(own, act) {
    const focused = document.activeElement;
    await act();
    if (own !== run || !bar().contains(focused)) return;
    // The page moves the focus after its next drawing.
    await pause(120);
    if (own === run && !document.activeElement?.closest(TYPED_INTO)) focused.focus({ preventScroll: true });
  }

  async function restart() {
    const own = (run += 1);
    wait("Clearing the conversation …");
    const added = [...answered].map((one) => steps[one]).filter((step) => WAYS[step.kind].clear);
    answered = new Set();
    for (const step of added) {
      // Gradio takes no change from a tab that is not open.
      openTab(byId(`tab-${step.tab}-button`));
      await pause(HEAD_START_MS);
      await WAYS[step.kind].clear(own).catch(() => {});
    }
    if (own === run) await go(0);
  }

  function start() {
    if (!isOn()) {
      steps = JSON.parse(bar().dataset.steps);
      answered = new Set();
      listen();
      document.documentElement.dataset.tour = "on";
      bar().hidden = false;
      new ResizeObserver(measure).observe(bar());
      byId("tour-open")?.setAttribute("aria-expanded", "true");
    }
    button("next").focus({ preventScroll: true });
    go(0);
  }

  function measure() {
    document.documentElement.style.setProperty("--tour-height", `${bar().offsetHeight}px`);
  }

  function end() {
    const hadFocus = bar().contains(document.activeElement) || document.activeElement === document.body;
    run += 1;
    at = -1;
    bar().hidden = true;
    delete document.documentElement.dataset.tour;
    byId("tour-open")?.setAttribute("aria-expanded", "false");
    if (hadFocus) byId("tour-open")?.focus({ preventScroll: true });
    // Loaded anew, the page shall not start the tour again.
    const address = new URL(window.location.href);
    if (address.searchParams.has("tour")) {
      address.searchParams.delete("tour");
      window.history.replaceState(window.history.state, "", address);
    }
    ownWords = "The tour has ended. What it put in stays until you take it away.";
    window.releaf.announce(ownWords);
  }

  function act(name) {
    if (name === "next" && at < steps.length - 1) go(at + 1);
    else if (name === "back" && at > 0) go(at - 1);
    else if (name === "restart") restart();
    else if (name === "end") end();
  }

  function isTheirs(target, key) {
    if (!(target instanceof Element)) return false;
    if (target.closest(TYPED_INTO)) return true;
    if (key === " " && target.closest(PRESSED)) return true;
    if (key === "Escape" || bar().contains(target)) return false;
    return Boolean(target.closest(STEERED));
  }

  document.addEventListener("keydown", (event) => {
    if (!isOn() || event.defaultPrevented || !(event.key in KEYS)) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (isTheirs(event.target, event.key)) return;
    event.preventDefault();
    // A key that is held down is one step.
    if (!event.repeat) act(KEYS[event.key]);
  });
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest("#tour-open")) start();
    const pressed = target?.closest("button[data-tour]");
    if (pressed && isOn()) act(pressed.dataset.tour);
  });

  // Gradio tells of its own loading states in a live region of its own; the tabs tell of outcomes.
  window.releaf.onChange(() => {
    for (const region of document.querySelectorAll('.sr-only[role="status"]')) {
      if (region.getAttribute("aria-live") !== "off") region.setAttribute("aria-live", "off");
    }
  });

  window.releafTour = { start, end };
  if (new URLSearchParams(window.location.search).get("tour") === "1") {
    const own = run;
    until(own, () => bar() && byId("tab-waste-button") && byId("live-polite")).then(start, () => {});
  }
})();
