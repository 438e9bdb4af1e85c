// The MaxSight tab: camera on and off, keys, and each message of the server shown, said and felt.
(() => {
  "use strict";
  if (window.releafMaxSight) return;

  const draw = window.releafMaxSightDraw;
  const view = window.releafMaxSightView;
  const voice = window.releafMaxSightVoice;
  const camera = window.releafMaxSightCamera;
  const words = window.releafMaxSightWords;
  const byId = (id) => document.getElementById(id);

  // A box older than this may be elsewhere by now: it fades, and is gone.
  const FADES_AFTER_MS = 500;
  const GONE_AFTER_MS = 1000;
  const WAITING_AFTER_MS = 2000;
  const GIVES_UP_AFTER_MS = 4000;
  const TICK_MS = 100;
  const PHONE_PX = 760;
  const isStill = window.matchMedia("(prefers-reduced-motion: reduce)");

  let phase = "idle";
  let mode = "person";
  let run = 0;
  let message = null;
  let heardAt = 0;
  let isWaiting = false;
  let failingSince = null;
  let problem = { text: null, since: 0, isSaid: false };
  let lastAlertId = 0;
  let lastSaid = null;
  let awake = null;

  const tab = () => byId("maxsight");

  function setPhase(next) {
    phase = next;
    const focused = document.activeElement?.id;
    mark();
    // The button that was pressed is hidden now; its other half stands in its place.
    if (focused === "maxsight-start" && next !== "idle") byId("maxsight-stop")?.focus();
    if (focused === "maxsight-stop" && next === "idle") byId("maxsight-start")?.focus();
  }

  function setData(name, value) {
    const part = tab();
    if (part && part.dataset[name] !== value) part.dataset[name] = value;
  }

  function pictureNow() {
    if (!message || message.source === "camera") return camera.video();
    return view.picture();
  }

  function drawBoxes(alpha = 1) {
    const picture = pictureNow();
    if (picture) draw.boxes(picture, message?.objects ?? [], { alpha, mode });
  }

  function tellWhatWasSaid() {
    view.said(lastSaid?.text ?? "", lastSaid?.lang ?? words.language(), voice.whySilent());
  }

  // --- On and off ---------------------------------------------------------------------------

  async function start() {
    if (phase !== "idle") return;
    const own = (run += 1);
    const isOurs = () => run === own;
    setPhase("starting");
    setData("source", "camera");
    restart();
    view.restart();
    lastAlertId = 0;
    voice.unlock();
    view.state(null, words.say("state.starting"), words.say("state.allow"));
    // On a phone picture and words together fill the screen.
    if (window.innerWidth <= PHONE_PX) byId("maxsight-live")?.scrollIntoView({ block: "start" });
    try {
      const isOpen = await camera.open(isOurs, stopBecause);
      if (!isOpen) return;
    } catch (error) {
      if (isOurs()) fail(error.message);
      return;
    }
    heardAt = performance.now();
    setPhase("running");
    camera.stream(true);
    otherPages?.postMessage("started");
    view.state(null, words.say("state.looking"), words.say("state.first"));
    const lock = await navigator.wakeLock?.request("screen").catch(() => null);
    if (isOurs()) awake = lock;
    else lock?.release();
  }

  function fail(why) {
    run += 1;
    camera.end();
    setPhase("idle");
    view.state(null, words.say("state.no_camera"), why, { isProblem: true });
  }

  function stop(why = "") {
    if (phase === "idle") return;
    run += 1;
    if (phase === "running") camera.stream(false);
    camera.end();
    awake?.release();
    awake = null;
    voice.quiet();
    restart();
    setPhase("idle");
    view.state(null, words.say("state.stopped"), why || words.say("state.again"));
    voice.say(words.say("stopped.said", { why }).trim());
  }

  // Another stop than the button's also tells the server, by way of that button.
  function stopBecause(why) {
    if (phase === "idle") return;
    stop(why);
    byId("maxsight-stop")?.click();
  }

  // Whoever goes elsewhere is not looked for, nor told of a video, any more.
  function leave(why) {
    stopBecause(why);
    if (!message?.progress?.isPlaying) return;
    byId("maxsight-stop")?.click();
    voice.quiet();
  }

  function restart() {
    message = null;
    isWaiting = false;
    failingSince = null;
    problem = { text: null, since: 0, isSaid: false };
    drawBoxes(0);
    view.list([], mode);
    voice.restart();
    window.releafMaxSightContext?.restart();
    lastSaid = null;
    tellWhatWasSaid();
  }

  // --- Messages -----------------------------------------------------------------------------

  function show(given) {
    if (!given) return;
    const next = typeof given === "string" ? JSON.parse(given) : given;
    if (next.error) return showError(next.error);
    if (!next.objects) return;
    const isCamera = next.source === "camera";
    // What was on its way when the camera was stopped is old.
    if (isCamera && phase !== "running") return;
    if (!isCamera) stopBecause(words.say("stopped.other_source"));
    if (isWaiting) voice.say(words.say("state.answers"));
    isWaiting = false;
    failingSince = null;
    heardAt = performance.now();
    message = next;
    // The server numbers the alerts of a new photo or video from anywhere.
    if (next.source === "photo" || next.progress?.isFirst) lastAlertId = 0;
    setData("source", next.source);
    if (next.picture) view.showPicture(next.picture, drawBoxes);
    else drawBoxes();
    showWords();
    view.strip(next.stage);
    view.log(next, sayAlerts(next.alerts ?? []));
    window.releafMaxSightContext?.seen(next);
  }

  function showWords() {
    const now = performance.now();
    if (message.problem !== problem.text) {
      problem = { text: message.problem, since: now, isSaid: false };
    }
    view.list(message.objects, mode, message.language);
    if (message.problem) {
      const known = { isProblem: true, isPressing: false, whatLang: message.problemLanguage };
      view.state(null, words.say("state.no_clear_view"), message.problem, known);
      // A covered lens must never be as silent as a safe street.
      if (now - problem.since > GONE_AFTER_MS && !problem.isSaid) {
        problem.isSaid = true;
        voice.say(message.problem, { isInterrupting: true, lang: message.problemVoice });
      }
      return;
    }
    const first = [...message.objects].sort((one, other) => other.urgency - one.urgency)[0];
    const isExplained = first?.urgency >= message.urgency || message.urgency < 2;
    const nothing = words.say(isExplained ? "state.nothing" : "state.danger");
    const what = first && isExplained ? first.said : nothing;
    const whatLang = what === first?.said ? message.language : words.language();
    const more = { isPressing: false, lang: message.language, whatLang };
    view.state(message.urgency, message.urgencyWord ?? "", what, more);
  }

  function sayAlerts(alerts) {
    const fresh = alerts.filter((alert) => alert.id === undefined || alert.id > lastAlertId);
    for (const alert of fresh) {
      lastAlertId = alert.id ?? lastAlertId;
      lastSaid = alert;
      voice.alert(alert);
    }
    if (fresh.length) tellWhatWasSaid();
    return fresh;
  }

  function showError(text) {
    const now = performance.now();
    if (phase === "running") heardAt = now;
    message = null;
    drawBoxes(0);
    view.list([], mode);
    sayNoLook(text);
    if (failingSince === null) window.releaf.announce(text, true);
    failingSince ??= now;
    if (phase !== "running" || now - failingSince < GIVES_UP_AFTER_MS) return;
    stopBecause("");
    sayNoLook(text);
  }

  // The server words its errors in English.
  function sayNoLook(text) {
    view.state(null, words.say("state.cannot_look"), text, { isProblem: true, whatLang: "en" });
  }

  function summary(given) {
    if (!given) return;
    const answer = given.startsWith("{") ? JSON.parse(given) : { text: given };
    lastSaid = { lang: "en-US", ...answer };
    tellWhatWasSaid();
    voice.say(answer.text, { ...lastSaid, isInterrupting: true });
  }

  function tick() {
    if (phase !== "running") return;
    if (!tab()?.offsetParent) return stopBecause(words.say("stopped.left_tab"));
    const age = performance.now() - heardAt;
    if (message && age > GONE_AFTER_MS) {
      message = null;
      drawBoxes(0);
      view.list([], mode);
      view.state(null, words.say("state.waiting"), words.say("state.old"));
    } else if (message && age > FADES_AFTER_MS && !isStill.matches) {
      drawBoxes(1 - (age - FADES_AFTER_MS) / (GONE_AFTER_MS - FADES_AFTER_MS));
    }
    if (age <= WAITING_AFTER_MS || isWaiting) return;
    isWaiting = true;
    const why = words.say("state.no_answer");
    view.state(null, words.say("state.waiting"), why, { isProblem: true });
    voice.say(why, { isInterrupting: true });
  }

  // --- Buttons ------------------------------------------------------------------------------

  function mute(isWanted = !voice.isMuted()) {
    voice.mute(isWanted);
    mark();
    tellWhatWasSaid();
    window.releaf.announce(words.say(isWanted ? "said.muted" : "said.unmuted"), false, words.language());
  }

  function spokenBy(choice) {
    voice.spokenBy(choice);
    tellWhatWasSaid();
  }

  function setMode(choice) {
    if (choice) mode = choice;
    mark();
  }

  function language(wanted) {
    words.setLanguage(wanted);
    tellWhatWasSaid();
  }

  // What the browser remembers of another visit.
  function recalled(choice, wanted) {
    setMode(choice);
    language(wanted);
    window.releafMaxSightSound?.language(wanted);
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const other = target?.closest('[id^="tab-"][id$="-button"]');
    if (other && other.id !== "tab-maxsight-button") return leave(words.say("stopped.left_tab"));
    const id = target?.closest("button")?.id;
    if (id === "maxsight-start") start();
    else if (id === "maxsight-stop") stop();
    else if (id === "maxsight-repeat") voice.repeat();
    else if (id === "maxsight-mute") mute();
  });

  // --- The page around ----------------------------------------------------------------------

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) leave(words.say("stopped.hidden"));
  });
  window.addEventListener("pagehide", () => {
    leave(words.say("stopped.left_page"));
    voice.quiet();
  });
  window.addEventListener("resize", () => drawBoxes());
  // The camera was allowed after Stop was pressed.
  document.addEventListener("playing", (event) => {
    if (event.target === camera.video() && phase === "idle") camera.end();
  }, true);

  const otherPages = "BroadcastChannel" in window ? new BroadcastChannel("releaf-maxsight") : null;
  otherPages?.addEventListener("message", () => {
    stopBecause(words.say("stopped.other_page"));
  });

  // Gradio draws the parts when the tab is first opened; the script's marks are put on them here.
  function mark() {
    if (!tab()) return;
    setData("phase", phase);
    setData("mode", mode);
    setData("source", message?.source ?? tab().dataset.source ?? "camera");
    const button = byId("maxsight-mute");
    const isOn = String(voice.isMuted());
    if (button && button.getAttribute("aria-pressed") !== isOn) button.setAttribute("aria-pressed", isOn);
  }

  setInterval(tick, TICK_MS);
  window.releaf.onChange(mark);
  window.releafMaxSight = { show, start, stop, mute, spokenBy, summary, language, recalled, mode: setMode, repeat: voice.repeat };
})();
