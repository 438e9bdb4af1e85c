// What the page does by itself: appearance, announcements, and a few repairs for assistive tools.
(() => {
  "use strict";
  if (window.releaf) return;

  const CHOICES = ["light", "dark", "contrast"];
  const GROUND = { light: "#f6f8f5", dark: "#0f130f", contrast: "#000000" };
  const STORED_AS = "releaf-appearance";
  const asksForDark = window.matchMedia("(prefers-color-scheme: dark)");
  const asksForContrast = window.matchMedia("(prefers-contrast: more)");

  // Storage is closed in some private windows; the page then just forgets the choice.
  const remembered = () => {
    try {
      return localStorage.getItem(STORED_AS);
    } catch {
      return null;
    }
  };
  const remember = (choice) => {
    try {
      localStorage.setItem(STORED_AS, choice);
    } catch {
      return;
    }
  };

  let chosen = CHOICES.includes(remembered()) ? remembered() : null;

  const appearance = () =>
    chosen || (asksForContrast.matches ? "contrast" : asksForDark.matches ? "dark" : "light");

  function setAttribute(element, name, value) {
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
  }

  function applyAppearance() {
    const now = appearance();
    setAttribute(document.documentElement, "data-appearance", now);
    const isDark = now !== "light";
    if (document.body.classList.contains("dark") !== isDark) {
      document.body.classList.toggle("dark", isDark);
    }
    setAttribute(document.querySelector('meta[name="theme-color"]'), "content", GROUND[now]);
    for (const button of document.querySelectorAll("[data-appearance-choice]")) {
      setAttribute(button, "aria-pressed", String(button.dataset.appearanceChoice === now));
    }
  }

  function choose(choice) {
    chosen = choice;
    remember(choice);
    applyAppearance();
    announce(`Appearance: ${choice === "contrast" ? "high contrast" : choice}.`);
  }

  // A screen reader speaks what changes in a live region. The region is emptied first, so that the
  // same sentence is spoken again when it is said again, and is not spoken twice otherwise.
  const pending = {};
  function announce(text, isUrgent = false, lang = "en") {
    const id = isUrgent ? "live-assertive" : "live-polite";
    const region = document.getElementById(id);
    const sentence = String(text ?? "").trim();
    if (!region || !sentence) return;
    clearTimeout(pending[id]);
    region.textContent = "";
    pending[id] = setTimeout(() => {
      region.lang = lang;
      region.textContent = sentence;
    }, 120);
  }

  function skipToMain(event) {
    const panels = [...document.querySelectorAll('#main [role="tabpanel"]')];
    const main = panels.find((panel) => panel.offsetParent) || document.getElementById("main");
    if (!main) return;
    event.preventDefault();
    main.setAttribute("tabindex", "-1");
    main.focus({ preventScroll: true });
    main.scrollIntoView({ block: "start" });
  }

  // Gradio says nothing when the camera can't be had, so the page does.
  function howToAllow() {
    const browser = navigator.userAgent;
    if (/iPhone|iPad/.test(browser)) {
      return "Press the symbol beside the address, open Website Settings and allow the camera.";
    }
    if (/Firefox/.test(browser)) {
      return "Press the camera symbol beside the address, take the block away, then try again.";
    }
    if (/Safari/.test(browser) && !/Chrom/.test(browser)) {
      return "Open the menu Safari, Settings for this website, and allow the camera.";
    }
    return "Press the symbol on the left of the address, allow the camera, then try again.";
  }
  const NO_CAMERA = "No camera was found on this device. Connect one, then try again.";
  const CAMERA_REASONS = {
    NotAllowedError: `The browser did not allow the camera. ${howToAllow()}`,
    NotFoundError: NO_CAMERA,
    OverconstrainedError: NO_CAMERA,
    NotReadableError: "The camera is busy in another program. Close that one, then try again.",
    AbortError: "The camera did not start. Unplug it or restart the browser, then try again.",
    insecure:
      "Browsers allow a camera only at an address that begins with https, or on the computer " +
      "that runs this app. Open the page that way.",
  };
  const CAMERA_PLACES = ["waste-photo", "maxsight-camera"];
  function sayWhyNoCamera(reason) {
    const why = CAMERA_REASONS[reason] ?? "The camera could not be started. Load the page again.";
    const text = `${why} You can also choose a photo.`;
    announce(text, true);
    // A tab that shows it in a place of its own says so.
    const told = new CustomEvent("releaf-no-camera", { detail: text, cancelable: true });
    if (!document.dispatchEvent(told)) return;
    const places = CAMERA_PLACES.map((id) => document.getElementById(id));
    const open = places.find((place) => place?.offsetParent);
    if (!open) return;
    const note = document.getElementById("camera-note") ?? document.createElement("p");
    note.id = "camera-note";
    note.textContent = text;
    open.after(note);
  }
  const devices = navigator.mediaDevices;
  if (devices?.getUserMedia) {
    const open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wanted) => {
      try {
        const stream = await open(wanted);
        document.getElementById("camera-note")?.remove();
        return stream;
      } catch (error) {
        // A microphone is explained where it is asked for.
        if (wanted?.video) sayWhyNoCamera(error.name);
        throw error;
      }
    };
  }

  // The refusal has been told; Gradio leaves its own rejection unhandled.
  window.addEventListener("unhandledrejection", (event) => {
    if (event.reason instanceof DOMException && event.reason.name in CAMERA_REASONS) {
      event.preventDefault();
    }
  });

  // Arrow keys between tabs, which Gradio leaves out.
  function moveBetweenTabs(event) {
    const tab = event.target instanceof Element ? event.target.closest('[role="tab"]') : null;
    if (!tab) return;
    const tabs = [...tab.closest('[role="tablist"]').querySelectorAll('[role="tab"]')];
    const here = tabs.indexOf(tab);
    const goals = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: tabs.length - 1 };
    if (!(event.key in goals)) return;
    event.preventDefault();
    const goal = tabs[(goals[event.key] + tabs.length) % tabs.length];
    goal.focus();
    goal.click();
  }

  // Gradio draws these parts; it leaves out what is set here.
  function repair() {
    applyAppearance();
    // An example is a button with a picture and no words.
    for (const image of document.querySelectorAll("#waste-examples button.gallery-item img")) {
      const file = decodeURIComponent(image.src.split("/").pop());
      const words = file.replace(/\.\w+$/, "").replaceAll("_", " ");
      setAttribute(image.closest("button"), "aria-label", `Example: ${words}`);
    }
    // A message's header is a button that holds another button, which no screen reader can tell
    // apart; it folds the message by click only, the inner one closes it.
    for (const header of document.querySelectorAll('.toast-header[role="button"]')) {
      header.removeAttribute("role");
      header.removeAttribute("tabindex");
    }
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const button = target?.closest("[data-appearance-choice]");
    if (button) choose(button.dataset.appearanceChoice);
    const skip = target?.closest(".skip-link");
    if (skip) skipToMain(event);
  });
  document.addEventListener("keydown", moveBetweenTabs);
  asksForDark.addEventListener("change", applyAppearance);
  asksForContrast.addEventListener("change", applyAppearance);

  // Whatever changes on the page, each of these looks at it once before the next drawing.
  const repairs = [repair];
  let isPlanned = false;
  const planRepairs = () => {
    if (isPlanned) return;
    isPlanned = true;
    requestAnimationFrame(() => {
      isPlanned = false;
      for (const one of repairs) one();
    });
  };
  new MutationObserver(planRepairs).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["class", "role"],
  });
  function onChange(act) {
    repairs.push(act);
    act();
  }

  // Gradio 6.31 sends a picture that came from the server, such as an example, once more when it
  // is removed. A press on its button tells the two apart.
  let isPhotoRemoved = false;
  document.addEventListener("click", (event) => {
    if (event.target.closest?.('#waste-photo [aria-label="Remove Image"]')) isPhotoRemoved = true;
  }, true);

  function photoSent(photo) {
    const sent = isPhotoRemoved ? null : photo;
    isPhotoRemoved = false;
    return sent;
  }

  window.releaf = { announce, onChange, photoSent, sayWhyNoCamera };
  repair();
})();

// The Ask tab: citations open their passage, and the page speaks an answer once, not the log.
(() => {
  "use strict";
  if (window.releafAsk) return;

  const byId = (id) => document.getElementById(id);
  let lastLink = null;
  let lastPressed = null;
  let lastQuestion = null;
  let isFollowing = false;

  function setAttribute(element, name, value) {
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
  }

  const sourceId = (link) => link.getAttribute("href")?.match(/#(source-\d+-\d+)$/)?.[1];

  function openSource(link, event) {
    const id = sourceId(link);
    if (!id) return;
    // The passage gets the focus; the address stays, so the page doesn't jump.
    event.preventDefault();
    const passage = byId(id);
    if (!passage) return;
    lastLink = link;
    for (let part = passage; part; part = part.parentElement?.closest("details")) part.open = true;
    passage.querySelector("summary").focus({ preventScroll: true });
    passage.scrollIntoView({ block: "nearest" });
  }

  function goBack(passage) {
    const first = document.querySelector(`#ask-chat a[href$="#${passage.id}"]`);
    const link = lastLink?.isConnected && sourceId(lastLink) === passage.id ? lastLink : first;
    isFollowing = false;
    link?.focus({ preventScroll: true });
    link?.scrollIntoView({ block: "nearest" });
  }

  // A question without an answer goes back into the box, unless something new stands there.
  function putBack(question) {
    const box = document.querySelector("#ask-box textarea");
    if (!box || !question || box.value) return;
    box.value = question;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // The file's address arrives with the next drawing of the page.
  function press(id) {
    setTimeout(() => byId(id)?.click(), 150);
  }

  // An answer is read from its beginning, where the danger stands: a new question goes to the top
  // and stays there while its answer grows, until the person scrolls.
  function follow(log) {
    const question = [...log.querySelectorAll(".user-row")].pop() ?? null;
    if (question !== lastQuestion) {
      isFollowing = question !== null;
      // On a phone the box that was typed into may have pushed the conversation out of sight.
      if (question && log.getBoundingClientRect().top < 0) log.scrollIntoView({ block: "start" });
    }
    lastQuestion = question;
    if (!isFollowing) return;
    const gap = question.getBoundingClientRect().top - log.getBoundingClientRect().top - 48;
    if (gap > 1) log.scrollTop += gap;
  }

  function repair() {
    const chat = byId("ask-chat");
    if (!chat) return;
    const log = chat.querySelector('[role="log"]');
    // Gradio would speak every word as it is written.
    setAttribute(log, "aria-live", "off");
    setAttribute(log, "aria-label", "Conversation");
    setAttribute(log, "tabindex", "0");
    for (const part of chat.querySelectorAll('.examples[role="list"], [role="complementary"]')) {
      part.removeAttribute("role");
    }
    for (const message of chat.querySelectorAll('[data-testid="user"], [data-testid="bot"]')) {
      setAttribute(message, "role", "group");
      const isUser = message.dataset.testid === "user";
      setAttribute(message, "aria-label", isUser ? "You asked" : "Answer");
    }
    for (const link of chat.querySelectorAll('a[href*="#source-"]')) {
      setAttribute(link, "aria-label", `Passage ${link.textContent.replace(/\D/g, "")}`);
    }
    for (const field of chat.querySelectorAll("textarea.edit-textarea")) {
      setAttribute(field, "aria-label", "Change your question");
    }
    const plot = document.querySelector('#ask-plot [data-testid="plotly"]');
    setAttribute(plot, "role", "img");
    setAttribute(plot, "aria-label", "Rank of each passage in every step, as in the table below");
    // The button that was pressed is gone, and the focus with it.
    if (lastPressed && !lastPressed.isConnected) {
      lastPressed = null;
      if (document.activeElement === document.body) log?.focus({ preventScroll: true });
    }
    if (log) follow(log);
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const link = target?.closest('a[href*="#source-"]');
    if (link) openSource(link, event);
    const back = target?.closest(".source-back");
    if (back) goBack(back.closest("details"));
  });
  // Before Gradio hears of it, since the button may be gone afterwards.
  const note = (event) => {
    lastPressed = event.target.closest?.("#ask-chat button") ?? null;
  };
  document.addEventListener("click", note, true);
  for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    const leave = (event) => {
      if (event.target.closest?.("#ask-chat")) isFollowing = false;
    };
    document.addEventListener(kind, leave, { capture: true, passive: true });
  }

  window.releafAsk = { putBack, press };
  window.releaf.onChange(repair);
})();
