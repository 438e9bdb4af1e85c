// MaxSight's surroundings: finding a thing, reading text, describing, and other eyes.
(() => {
  "use strict";
  if (window.releafMaxSightContext) return;

  const view = window.releafMaxSightContextView;
  const voice = window.releafMaxSightVoice;
  const tone = window.releafMaxSightTone;
  const words = window.releafMaxSightWords;
  const byId = (id) => document.getElementById(id);
  const tab = () => byId("maxsight");
  const press = (id) => byId(id)?.click();

  const TICK_MS = 250;
  const DESCRIBE_EVERY_MS = 8000;
  // The same description again only after this.
  const SAME_AGAIN_MS = 30000;
  const EYES_EVERY_MS = 1000;
  // What Stage B finds of a photo comes after the photo's own message.
  const CONTEXT_COMES_MS = [700, 2500];

  let sought = null;
  let spokenNumber = 0;
  const waiting = new Map();
  let isDescribing = false;
  let askedAt = 0;
  let described = { text: "", at: -Infinity };
  let isFollowing = true;
  let eyesAt = 0;
  let language = "en";
  let later = [];

  const isRunning = () => tab()?.dataset.phase === "running";
  const isShown = (id) => Boolean(byId(id)?.offsetParent);

  // Says what can wait when nobody speaks; a newer sentence takes the place of an older one of its
  // kind.
  function politely(kind, said) {
    waiting.set(kind, said);
    sayWaiting();
  }

  function sayWaiting() {
    for (const [kind, said] of waiting) {
      if (voice.isSpeaking()) return;
      waiting.delete(kind);
      voice.say(said.text, { lang: said.lang, rate: said.rate, isPolite: true });
    }
  }

  // --- Find my ... --------------------------------------------------------------------------

  function guide(guidance) {
    if (!sought || !guidance) return tone.stop();
    view.find(sought, guidance, false);
    tone.follow(guidance);
    if (guidance.n > spokenNumber) {
      spokenNumber = guidance.n;
      politely("guidance", { text: guidance.spoken, lang: guidance.lang, rate: guidance.rate });
    }
  }

  function seek(message) {
    if (message.error) {
      sought = null;
      tone.stop();
      view.find(null);
      voice.say(message.error, { lang: message.lang });
      return;
    }
    sought = message.name;
    mark();
    view.find(sought, message.guidance);
    if (sought) guide(message.guidance);
  }

  function endSearch() {
    tone.stop();
    waiting.clear();
    if (!sought) return;
    sought = null;
    view.find(null);
    mark();
    press("maxsight-find-end");
  }

  // --- Messages -----------------------------------------------------------------------------

  // A frame of the camera, a photo or a video was shown.
  function seen(message) {
    language = message.language ?? "en";
    if (message.mode === "person") view.context(null);
    else if (message.context) view.context(message.context, language);
    guide(message.guidance);
    for (const timer of later) clearTimeout(timer);
    later = [];
    if (message.source === "camera" || message.mode === "person" || message.progress?.isPlaying) return;
    later = CONTEXT_COMES_MS.map((after) => setTimeout(() => press("maxsight-context-again"), after));
  }

  const answers = {
    read(message) {
      view.read(message);
      const text = message.error ?? message.text;
      window.releafMaxSight.summary(JSON.stringify({ ...message, text }));
    },
    around(message) {
      const now = performance.now();
      if (!isDescribing || !isRunning() || message.error) return;
      if (message.text === described.text && now - described.at < SAME_AGAIN_MS) return;
      described = { text: message.text, at: now };
      politely("description", message);
    },
    seek,
    context(message) {
      if (message.context) view.context(message.context, language);
    },
    eyes: (message) => view.eyes(message),
  };

  function show(given) {
    if (!given) return;
    const message = JSON.parse(given);
    answers[message.kind]?.(message);
  }

  function restart() {
    waiting.clear();
    tone.stop();
    for (const timer of later) clearTimeout(timer);
    later = [];
    view.context(null);
    if (sought) view.find(sought, null);
  }

  // --- Fuller sentences ---------------------------------------------------------------------

  const wantsFuller = () => byId("maxsight-fuller")?.querySelector("input")?.checked ?? false;

  // The server forgets a person who is away for long; the box stays ticked.
  function tellFuller() {
    if (wantsFuller()) press("maxsight-context-fuller-again");
  }

  // --- By itself ----------------------------------------------------------------------------

  function describing(isWanted) {
    isDescribing = Boolean(isWanted);
    if (!isDescribing) waiting.delete("description");
    described = { text: "", at: -Infinity };
    askedAt = performance.now();
  }

  function following(isWanted) {
    isFollowing = Boolean(isWanted);
  }

  function tick() {
    const now = performance.now();
    sayWaiting();
    if (isDescribing && isRunning() && now - askedAt >= DESCRIBE_EVERY_MS && !voice.isSpeaking()) {
      askedAt = now;
      press("maxsight-context-describe");
    }
    if (isFollowing && !document.hidden && isShown("maxsight-eyes-take") && now - eyesAt >= EYES_EVERY_MS) {
      eyesAt = now;
      press("maxsight-context-follow");
    }
  }

  // --- The page around ----------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const other = target?.closest('[id^="tab-"][id$="-button"]');
    if (other && other.id !== "tab-maxsight-button") return endSearch();
    const id = target?.closest("button")?.id;
    if (id === "maxsight-read") view.reading();
    else if (id === "maxsight-find") tone.unlock();
    else if (id === "maxsight-start") tellFuller();
    else if (id === "maxsight-around" && wantsFuller() && words.language() === "en") voice.say("One moment.", { isPolite: true });
    else if (id === "maxsight-stop") endSearch();
    else if (id === "maxsight-find-end" && sought) {
      sought = null;
      tone.stop();
      waiting.delete("guidance");
      view.find(null);
      mark();
      byId("maxsight-find")?.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && tab()?.offsetParent) endSearch();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) endSearch();
  });
  window.addEventListener("pagehide", endSearch);

  function mark() {
    const part = byId("maxsight-context");
    const isSought = String(Boolean(sought));
    if (part && part.dataset.sought !== isSought) part.dataset.sought = isSought;
  }

  setInterval(tick, TICK_MS);
  window.releaf.onChange(mark);
  window.releafMaxSightContext = { show, seen, restart, describing, following, isLooking: () => sought !== null };
})();
