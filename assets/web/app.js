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
  // same sentence is spoken again when it is said again, and is not spoken twice otherwise. What
  // comes in the meantime is said with it: none takes the place of another.
  const EMPTY_FOR_MS = 120;
  const pending = { "live-polite": [], "live-assertive": [] };
  function announce(text, isUrgent = false, lang = "en") {
    const id = isUrgent ? "live-assertive" : "live-polite";
    const region = document.getElementById(id);
    const sentence = String(text ?? "").trim();
    const waiting = pending[id];
    if (!region || !sentence || waiting.some((one) => one.textContent === sentence)) return;
    waiting.push(Object.assign(document.createElement("p"), { lang, textContent: sentence }));
    if (waiting.length > 1) return;
    region.replaceChildren();
    setTimeout(() => region.replaceChildren(...waiting.splice(0)), EMPTY_FOR_MS);
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

  // Each browser has its own place to allow a camera or a microphone.
  function browser() {
    const agent = navigator.userAgent;
    if (/iPhone|iPad/.test(agent)) return "ios";
    if (/Firefox/.test(agent)) return "firefox";
    return /Safari/.test(agent) && !/Chrom/.test(agent) ? "safari" : "other";
  }

  // Gradio says nothing when the camera can't be had, so the page does.
  const HOW_TO_ALLOW = {
    ios: "Press the symbol beside the address, open Website Settings and allow the camera.",
    firefox: "Press the camera symbol beside the address, take the block away, then try again.",
    safari: "Open the menu Safari, Settings for this website, and allow the camera.",
    other: "Press the symbol on the left of the address, allow the camera, then try again.",
  };
  const NO_CAMERA = "No camera was found on this device. Connect one, then try again.";
  const CAMERA_REASONS = {
    NotAllowedError: `The browser did not allow the camera. ${HOW_TO_ALLOW[browser()]}`,
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
    // A tab that says and shows it in a way of its own says so.
    const told = new CustomEvent("releaf-no-camera", { detail: reason, cancelable: true });
    if (!document.dispatchEvent(told)) return;
    announce(text, true);
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
  // is removed. A press on its button tells the two apart; another picture may follow at once.
  let removedPhoto = null;
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.('#waste-photo [aria-label="Remove Image"]')) return;
    removedPhoto = document.querySelector("#waste-photo img")?.src ?? null;
  }, true);

  function photoSent(photo) {
    const isRemoved = removedPhoto !== null && photo?.url === removedPhoto;
    removedPhoto = null;
    return isRemoved ? null : photo;
  }

  window.releaf = { announce, browser, onChange, photoSent, sayWhyNoCamera };
  repair();
})();
