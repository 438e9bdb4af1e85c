// The section "Sounds": microphone on and off, pieces sent, answers shown, announced and felt.
(() => {
  "use strict";
  if (window.releafMaxSightSound) return;

  const microphone = window.releafMaxSightMicrophone;
  const alarms = window.releafMaxSightAlarm;
  const pieces = window.releafMaxSightPieces;
  const memory = window.releafMaxSightSoundMemory;
  const view = window.releafMaxSightSoundView;
  const { say } = view;
  const { settings } = memory;
  const byId = (id) => document.getElementById(id);

  const SILENT_APP_MS = 4000;
  const SILENT_MICROPHONE_MS = 3000;
  const GIVES_UP_AFTER_MS = 6000;
  const TICK_MS = 1000;
  const TYPED_INTO = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]";

  let words = null;
  let sounds = [];
  let lang = "en";
  let phase = "idle";
  let source = "microphone";
  let pieceAt = 0;
  let answeredAt = 0;
  let failingSince = null;
  let isSilentApp = false;
  let isPaused = false;
  let message = null;
  let named = null;
  let why = null;
  let file = null;

  const nameOf = (classId) => sounds.find((one) => one.id === classId)?.names[lang] ?? classId;
  const announce = (text, isUrgent = false) => window.releaf.announce(text, isUrgent, lang);

  // --- On and off ---------------------------------------------------------------------------

  async function start() {
    if (phase !== "idle") return;
    leaveFile();
    phase = "starting";
    why = null;
    source = "microphone";
    const own = pieces.begin(() => [...settings.muted]);
    const isWanted = () => pieces.isOf(own) && phase !== "idle";
    [message, failingSince, isPaused, isSilentApp] = [null, null, false, false];
    memory.forget("file");
    window.releafMaxSightVoice.unlock();
    draw();
    try {
      const isOn = await microphone.start({
        isWanted,
        piece: (samples, rate) => {
          pieceAt = performance.now();
          if (phase !== "idle") pieces.take(samples, rate);
        },
        level: (power) => { pieceAt = performance.now(); view.level(power); },
        ended: () => stop("ended"),
        paused: (isNow) => { isPaused = isNow; draw(); },
      });
      if (!isOn) return;
    } catch (error) {
      if (isWanted()) fail(error.name);
      return;
    }
    phase = "running";
    pieceAt = answeredAt = performance.now();
    announce(`${words.heard.nothing}.`);
    draw();
  }

  function fail(name) {
    phase = "idle";
    const known = words.page[`microphone_${name}`] ? name : "other";
    const how = known === "NotAllowedError" ? ` ${say(`allow_${window.releaf.browser()}`)}` : "";
    why = { word: say("stopped"), what: say(`microphone_${known}`) + how, isProblem: true };
    announce(why.what, true);
    draw();
  }

  // Who stops or leaves knows of the alarms; where the microphone went away they stay.
  function stop(reason = "stopped_do", { text = null } = {}) {
    if (phase === "idle") return;
    const wasRunning = phase === "running";
    phase = "idle";
    microphone.end();
    if (wasRunning) pieces.end();
    message = null;
    memory.endAll();
    why = { word: say("stopped"), what: text ?? say(reason), isProblem: text !== null };
    if (["stopped_do", "left"].includes(reason)) alarms.forget();
    view.level(0);
    announce(`${why.word}. ${why.what}`, text !== null);
    draw();
  }

  // --- Answers ------------------------------------------------------------------------------

  function show(given) {
    if (!given) return;
    const next = typeof given === "string" ? JSON.parse(given) : given;
    if (next.source === "file") return showFile(next);
    if (!pieces.answered(next)) return;
    if (next.error) showError(next);
    else if (!next.isLate) showHeard(next);
    if (phase === "running") pieces.goOn();
    draw();
  }

  function showHeard(next) {
    const now = performance.now();
    answeredAt = now;
    failingSince = null;
    if (isSilentApp) announce(say("answers"));
    isSilentApp = false;
    memory.keep(next, phase === "running");
    named = next.named;
    if (phase !== "running") return;
    const fresh = next.problems.filter((one) => !message?.problems.includes(one));
    if (fresh.length) announce(fresh.join(" "));
    message = next;
    why = null;
    const events = next.events.filter((event) => !settings.muted.has(event.classId));
    alarms.hear(events.filter((event) => event.isAlarm));
    tell(events, next);
  }

  // Each sound once: alarms at once, others when there is a pause. Either the voice or the screen
  // reader says it, never both.
  function tell(events, next) {
    const fresh = memory.untold(events);
    for (const isUrgent of [true, false]) {
      const text = fresh.filter((event) => event.isAlarm === isUrgent).map((event) => event.said).join(" ");
      if (!text) continue;
      const voice = window.releafMaxSightVoice;
      if (settings.voice && !voice.isMuted()) {
        voice.say(text, { lang: next.lang, rate: next.rate, isInterrupting: isUrgent });
      } else {
        announce(text, isUrgent);
      }
    }
  }

  function showError(next) {
    const now = performance.now();
    answeredAt = now;
    message = null;
    if (phase !== "running") return;
    if (failingSince === null) announce(next.error, true);
    failingSince ??= now;
    why = { word: say("problem"), what: next.error, isProblem: true };
    if (!next.isPassing && now - failingSince > GIVES_UP_AFTER_MS) stop("", { text: next.error });
  }

  // --- Files --------------------------------------------------------------------------------

  function showFile(next) {
    if (phase !== "idle") stop();
    if (next.error) {
      why = { word: say("problem"), what: next.error, isProblem: true };
      file = null;
      announce(next.error, true);
      return draw();
    }
    if (file?.isLeft && file.run === next.run) return;
    if (file?.run !== next.run) {
      memory.forget("file");
      memory.forget("microphone");
      announce(say("file_goes_on"));
    }
    source = "file";
    file = { run: next.run, ...next.progress };
    memory.keep(next, false);
    named = next.named;
    const at = { at: view.clock(file.at_s), total: view.clock(file.duration_s ?? 0) };
    const what = say(file.duration_s && !file.isDone ? "file_at" : "file_at_only", at);
    why = { word: say(file.isDone ? "file_done" : "file_goes_on"), what: file.isDone ? at.at : what };
    if (file.isDone) announce(`${why.word}.`);
    message = null;
    draw();
  }

  const isFileRunning = () => file !== null && !file.isDone && !file.isLeft;

  function leaveFile() {
    if (!isFileRunning()) return;
    file.isLeft = true;
    why = null;
    byId("maxsight-sound-leave")?.click();
    draw();
  }

  // --- What is shown ------------------------------------------------------------------------

  function problems() {
    if (phase !== "running") return [];
    const now = performance.now();
    const list = [...(message?.problems ?? [])];
    if (isPaused) list.push(say("paused"));
    else if (now - pieceAt > SILENT_MICROPHONE_MS) list.push(say("no_sound"));
    if (isSilentApp) list.push(say("no_answer"));
    if (pieces.droppedS()) list.push(say("dropped", { seconds: pieces.droppedS() }));
    return list;
  }

  function state() {
    if (why) return { isProblem: false, ...why };
    if (phase === "starting") return { word: say("starting"), what: say("starting_do"), isProblem: false };
    if (phase === "idle") return { word: say("idle"), what: say("idle_do"), isProblem: false };
    const heard = message?.heard === "sound" ? "background" : message?.heard ?? "nothing";
    return { word: words.heard[heard], what: heard === "nothing" ? say("wait") : "", isProblem: false };
  }

  function draw() {
    if (!byId("maxsight-sounds")?.offsetParent) return;
    view.draw({
      phase, source, ...state(), isListening: phase !== "idle", problems: problems(),
      events: phase === "running" && !isSilentApp ? message?.events ?? [] : [],
      items: memory.sorted().filter((item) => item.source === source), muted: settings.muted, nameOf, now: performance.now(),
      known: named ? sounds.filter((one) => named.includes(one.id)) : sounds,
      mode: byId("maxsight")?.dataset.mode ?? "person",
      fileS: file?.duration_s ?? file?.at_s ?? 0,
      isFileRunning: isFileRunning(), isStill: alarms.isStill(),
    });
  }

  function language(tag) {
    if (tag === lang) return;
    lang = tag;
    if (!words || !view.host()) return;
    why = why?.isProblem ? why : null;
    rebuild();
  }

  function rebuild() {
    const root = view.host();
    const all = JSON.parse(root.dataset.words);
    if (!all[lang]) lang = "en";
    words = all[lang];
    sounds = JSON.parse(root.dataset.sounds);
    view.build(root, all, lang, settings);
    alarms.flashIs(settings.flash);
    draw();
  }

  // Gradio draws the section when the tab is first opened.
  function mark() {
    if (view.host() && !view.isThere()) rebuild();
  }

  function mute(classId) {
    const isMuted = settings.muted.has(classId);
    if (isMuted) settings.muted.delete(classId);
    else settings.muted.add(classId);
    memory.remember();
    if (!isMuted) alarms.forget(classId);
    draw();
  }

  function tick() {
    if (phase === "running") {
      // Whoever left the tab isn't listened to any more; a hidden page still is.
      if (!byId("maxsight")?.offsetParent) return stop("left");
      if (!isSilentApp && performance.now() - answeredAt > SILENT_APP_MS) {
        isSilentApp = true;
        announce(say("no_answer"), true);
      }
    }
    draw();
  }

  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element)) return;
    const other = target.closest('[id^="tab-"][id$="-button"]');
    if (other && other.id !== "tab-maxsight-button") return stop("left");
    const button = target.closest("button");
    if (button?.dataset.soundMute) return mute(button.dataset.soundMute);
    if (button?.id === "maxsight-sound-toggle") return phase === "idle" ? start() : stop();
    if (button?.id === "maxsight-sound-got-it") return alarms.gotIt();
    if (button?.id === "maxsight-sound-file-stop") leaveFile();
  });
  document.addEventListener("change", ({ target }) => {
    const name = target instanceof HTMLInputElement ? target.dataset.soundChoice : null;
    if (!name) return;
    settings[name] = target.checked;
    memory.remember();
    if (name === "flash") alarms.flashIs(settings.flash);
    if (name === "voice" && target.checked) window.releafMaxSightVoice.unlock();
  });
  // With the tab's other single keys, and off when they are.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    const areOn = document.querySelector("[data-maxsight-keys]")?.getAttribute("aria-pressed") === "true";
    if (!areOn || !byId("maxsight")?.offsetParent || event.target.closest?.(TYPED_INTO)) return;
    const id = { l: "maxsight-sound-toggle", g: "maxsight-sound-got-it" }[event.key.toLowerCase()];
    if (!id || !byId(id)?.offsetParent) return;
    event.preventDefault();
    byId(id).click();
  });
  window.addEventListener("pagehide", () => stop());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) draw(); });

  alarms.onChange((list, now) => view.alarm(list, nameOf, now));
  setInterval(tick, TICK_MS);
  window.releaf.onChange(mark);
  window.releafMaxSightSound = { show, start, stop, language, gotIt: alarms.gotIt };
})();
