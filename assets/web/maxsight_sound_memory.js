// What the section "Sounds" remembers: the last sounds, and what this browser was told to do.
(() => {
  "use strict";
  if (window.releafMaxSightSoundMemory) return;

  const STORED_AS = "releaf-maxsight-sounds";
  const ITEMS_MOST = 200;
  // A sound that is back within this time was already told of.
  const SAME_WITHIN_MS = 10000;
  const USUAL = { flash: true, voice: false, muted: [] };

  let items = new Map();
  const toldAt = new Map();

  // Storage is closed or full in some browsers; the choices then hold until the page is left.
  function recall() {
    try {
      const kept = JSON.parse(localStorage.getItem(STORED_AS) ?? "{}");
      return {
        flash: kept.flash !== false, voice: kept.voice === true,
        muted: new Set(Array.isArray(kept.muted) ? kept.muted : []),
      };
    } catch {
      return { ...USUAL, muted: new Set() };
    }
  }
  const settings = recall();

  function remember() {
    try {
      localStorage.setItem(STORED_AS, JSON.stringify({ ...settings, muted: [...settings.muted] }));
    } catch {
      return;
    }
  }

  // What goes on first, then the newest.
  function sorted() {
    const placeOf = (item) => (item.source === "file" ? item.beganS : item.endedAt);
    return [...items.values()].sort(
      (one, other) => other.isGoing - one.isGoing || placeOf(other) - placeOf(one) || other.beganS - one.beganS,
    );
  }

  // What ended or goes on joins the last sounds; a message that comes twice changes nothing.
  // Nothing goes on in a file, or once the microphone is off.
  function keep(message, isListening) {
    const now = performance.now();
    endAll();
    for (const event of [...message.ended, ...message.events]) {
      const before = items.get(event.id);
      const isGoing = isListening && message.events.includes(event);
      const endedAt = isGoing || !before ? now - 1000 * event.agoS : before.endedAt;
      // Of what is over, how loud it was at most.
      const loudness = Math.max(event.loudness, before?.loudness ?? 0);
      items.set(event.id, { ...event, loudness, source: message.source, isGoing, endedAt });
    }
    items = new Map(sorted().slice(0, ITEMS_MOST).map((item) => [item.id, item]));
  }

  function endAll() {
    for (const item of items.values()) item.isGoing = false;
  }

  function forget(source) {
    for (const [id, item] of items) if (item.source === source) items.delete(id);
  }

  // Those of the sounds that nobody was told of lately.
  function untold(events) {
    const now = performance.now();
    const fresh = events.filter((one) => now - (toldAt.get(one.classId) ?? -Infinity) > SAME_WITHIN_MS);
    for (const one of events) toldAt.set(one.classId, now);
    return fresh;
  }

  window.releafMaxSightSoundMemory = { settings, remember, sorted, keep, endAll, forget, untold };
})();
