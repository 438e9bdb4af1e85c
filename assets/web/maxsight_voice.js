// How MaxSight is heard and felt: one voice that never overlaps, or the screen reader, and vibration.
(() => {
  "use strict";
  if (window.releafMaxSightVoice) return;

  const words = window.releafMaxSightWords;
  const synth = window.speechSynthesis ?? null;
  // What was seen this long ago may be elsewhere by now.
  const WAITS_AT_MOST_MS = 4000;
  // Some browsers never say that they are done.
  const SPEAKS_AT_MOST_MS = 20000;

  let by = "page";
  let isMuted = false;
  let speaking = null;
  let waiting = null;
  let last = null;
  let isBroken = false;
  let patience = 0;

  // Safari and Chrome list their voices late; asking once makes them begin.
  synth?.getVoices();

  const voiceFor = (lang) => {
    const wanted = lang.slice(0, 2).toLowerCase();
    const fit = (synth?.getVoices() ?? []).filter((voice) => voice.lang.toLowerCase().startsWith(wanted));
    return fit.find((voice) => voice.default) ?? fit.find((voice) => voice.localService) ?? fit[0] ?? null;
  };
  const isSpokenHere = (lang) => by === "page" && !isBroken && voiceFor(lang) !== null;

  // Says in words why nothing is heard; empty where the page's own voice speaks.
  function whySilent(lang = last?.lang ?? words.tag()) {
    if (isMuted) return words.say("silent.muted");
    if (by === "off") return words.say("silent.switched_off");
    if (by === "reader") return words.say("silent.reader");
    if (isSpokenHere(lang)) return "";
    return words.say("silent.no_voice");
  }

  function done(utterance) {
    if (speaking?.utterance !== utterance) return;
    clearTimeout(patience);
    speaking = null;
    const next = waiting;
    waiting = null;
    if (next && performance.now() - next.since <= WAITS_AT_MOST_MS) utter(next);
  }

  function utter(alert) {
    const utterance = new SpeechSynthesisUtterance(alert.text);
    utterance.lang = alert.lang;
    utterance.voice = voiceFor(alert.lang);
    utterance.rate = alert.rate;
    speaking = { alert, utterance };
    utterance.onend = () => done(utterance);
    utterance.onerror = (event) => {
      const isOurs = event.error === "canceled" || event.error === "interrupted";
      if (!isOurs && speaking?.utterance === utterance) {
        isBroken = true;
        window.releaf.announce(alert.text, alert.isInterrupting, alert.lang);
      }
      done(utterance);
    };
    patience = setTimeout(() => {
      synth.cancel();
      done(utterance);
    }, SPEAKS_AT_MOST_MS);
    synth.speak(utterance);
  }

  function quiet() {
    clearTimeout(patience);
    speaking = waiting = null;
    synth?.cancel();
  }

  // Each sentence goes one way only, so that nobody hears it twice.
  function send(alert) {
    if (isMuted || by === "off") return;
    if (!isSpokenHere(alert.lang)) {
      window.releaf.announce(alert.text, alert.isInterrupting, alert.lang);
      return;
    }
    // What nobody asked for never keeps an alert waiting.
    if (alert.isInterrupting || speaking?.alert.isPolite) quiet();
    if (speaking) waiting = { ...alert, since: performance.now() };
    else utter(alert);
  }

  const asAlert = (given) => ({
    lang: words.tag(), rate: 1, urgency: 0, haptic: [], isInterrupting: false, ...given,
  });

  // An alert of the server: heard, felt, and kept for "Repeat".
  function alert(given) {
    last = asAlert(given);
    send(last);
    if (last.haptic?.length) navigator.vibrate?.(last.haptic);
  }

  // A sentence of the page itself, or the answer to "What is around me?".
  function say(text, more = {}) {
    send(asAlert({ text, ...more }));
  }

  function repeat() {
    if (last) send({ ...last, isInterrupting: true });
    else say(words.say("said.nothing"));
    return last;
  }

  function mute(isWanted) {
    isMuted = isWanted;
    if (isMuted) quiet();
  }

  function spokenBy(choice) {
    if (!["page", "reader", "off"].includes(choice)) return;
    by = choice;
    isBroken = false;
    if (by !== "page") quiet();
  }

  // Browsers let a page speak only after a press: an empty sentence at the press opens the way.
  function unlock() {
    isBroken = false;
    if (!synth || by !== "page" || isMuted) return;
    const nothing = new SpeechSynthesisUtterance(" ");
    nothing.volume = 0;
    synth.speak(nothing);
  }

  // Begins anew: what was said of another picture is not repeated.
  function restart() {
    quiet();
    last = null;
  }

  window.releafMaxSightVoice = {
    alert, say, repeat, mute, spokenBy, unlock, quiet, restart, whySilent,
    isMuted: () => isMuted,
    isSpeaking: () => speaking !== null,
  };
})();
