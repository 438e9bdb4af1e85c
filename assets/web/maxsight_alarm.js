// Alarms that were heard: the page's edge, the vibration and the title, until "Got it" is pressed.
(() => {
  "use strict";
  if (window.releafMaxSightAlarm) return;

  // WCAG 2.3.1: not more than three flashes in any second. Three, then a pause.
  const FLASHES = 3;
  const WITHIN_MS = 1100;
  const ON_MS = 180;
  const OFF_MS = 220;
  const PAUSE_MS = 1500;
  const LOOK_AGAIN_MS = 50;
  // Flash and vibration go on for as long after the last time it was heard.
  const GOES_ON_MS = 5000;
  const FELT_EVERY_MS = 4000;
  // A sound that is back within this time is the same one: who knows of it isn't told again.
  const SAME_WITHIN_MS = 10000;
  const TICK_MS = 500;
  const isStill = window.matchMedia("(prefers-reduced-motion: reduce)");

  const alarms = new Map();
  let isFlashWanted = true;
  let flashes = [];
  let timer = 0;
  let done = 0;
  let feltAt = -Infinity;
  let title = null;
  let whenChanged = () => undefined;

  const unknown = () => [...alarms.values()].filter((alarm) => !alarm.isKnown);
  const going = (now) => unknown().filter((alarm) => now - alarm.heardAt <= GOES_ON_MS);
  // The most urgent, and of those the one that was heard last.
  const first = (list) => [...list].sort(
    (one, other) => other.urgency - one.urgency || other.heardAt - one.heardAt,
  )[0];

  function edge() {
    let frame = document.getElementById("maxsight-alarm-edge");
    if (!frame) {
      frame = document.createElement("div");
      frame.id = "maxsight-alarm-edge";
      frame.setAttribute("aria-hidden", "true");
      document.body.append(frame);
    }
    return frame;
  }

  function light(look) {
    const frame = edge();
    const urgency = String(first(unknown())?.urgency ?? "");
    if (frame.dataset.urgency !== urgency) frame.dataset.urgency = urgency;
    if (frame.dataset.look !== look) frame.dataset.look = look;
  }

  // One step of the flashing. Each step plans the next, so a page that is slow flashes more
  // slowly, never faster; and whatever was asked for, a fourth flash in a second waits.
  function flash() {
    const now = performance.now();
    flashes = flashes.filter((at) => now - at < WITHIN_MS);
    if (flashes.length >= FLASHES) {
      timer = setTimeout(flash, LOOK_AGAIN_MS);
      return;
    }
    flashes.push(now);
    light("on");
    timer = setTimeout(() => {
      light("off");
      done = (done + 1) % FLASHES;
      timer = setTimeout(flash, done === 0 ? PAUSE_MS : OFF_MS);
    }, ON_MS);
  }

  function setFlashing(isWanted) {
    if (isWanted === (timer !== 0)) return;
    clearTimeout(timer);
    timer = done = 0;
    if (isWanted) flash();
  }

  function show() {
    const now = performance.now();
    const active = going(now);
    const isFlashing = active.length > 0 && isFlashWanted && !isStill.matches && !document.hidden;
    setFlashing(isFlashing);
    if (!isFlashing) light(unknown().length ? "steady" : "none");
    if (active.length && now - feltAt >= FELT_EVERY_MS) feel(first(active));
    showTitle();
    whenChanged(unknown(), now);
  }

  function feel(alarm) {
    if (!alarm.haptic.length) return;
    feltAt = performance.now();
    navigator.vibrate?.(alarm.haptic);
  }

  function showTitle() {
    const alarm = first(unknown());
    if (alarm) {
      title ??= document.title;
      const wanted = `(!) ${alarm.name} - ${title}`;
      if (document.title !== wanted) document.title = wanted;
    } else if (title !== null) {
      document.title = title;
      title = null;
    }
  }

  // The alarms that are heard now, as the server tells of them.
  function hear(events) {
    const now = performance.now();
    for (const event of events) {
      const before = alarms.get(event.classId);
      const isNew = !before || (before.isKnown && now - before.heardAt > SAME_WITHIN_MS);
      const alarm = { ...event, heardAt: now, isKnown: !isNew && before.isKnown };
      alarms.set(event.classId, alarm);
      if (isNew) feel(alarm);
    }
    show();
  }

  // "Got it": flash, vibration, frame and title end. The sound itself may go on.
  function gotIt() {
    for (const alarm of alarms.values()) alarm.isKnown = true;
    navigator.vibrate?.(0);
    feltAt = -Infinity;
    show();
  }

  function forget(classId) {
    if (classId === undefined) alarms.clear();
    else alarms.delete(classId);
    if (!unknown().length) navigator.vibrate?.(0);
    show();
  }

  function flashIs(isWanted) {
    isFlashWanted = isWanted;
    show();
  }

  setInterval(() => {
    if (unknown().length) show();
  }, TICK_MS);
  document.addEventListener("visibilitychange", show);
  isStill.addEventListener("change", show);

  window.releafMaxSightAlarm = {
    hear, gotIt, forget, flashIs,
    onChange: (act) => { whenChanged = act; },
    isStill: () => isStill.matches,
  };
})();
