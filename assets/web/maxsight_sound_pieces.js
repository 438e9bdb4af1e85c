// Pieces of the microphone on their way to the server: one at a time, and never far behind.
(() => {
  "use strict";
  if (window.releafMaxSightPieces) return;

  // Half seconds that wait for the answer to the ones before; older ones are dropped.
  const WAITING_MOST = 3;
  const LOST_AFTER_MS = 6000;
  // How long it is said that some were dropped.
  const SAID_FOR_MS = 20000;

  let run = "";
  let count = 0;
  let waiting = [];
  let inFlight = null;
  let dropped = 0;
  let droppedAt = -Infinity;
  let muted = () => [];

  const newName = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;

  // Begins a new time of listening and returns its name; `mutedNow()` lists what isn't told of.
  function begin(mutedNow) {
    [run, count, waiting, inFlight, muted] = [newName(), 0, [], null, mutedNow];
    [dropped, droppedAt] = [0, -Infinity];
    return run;
  }

  function drop(pieces) {
    dropped += pieces;
    droppedAt = performance.now();
  }

  function take(samples, rate) {
    waiting.push({ samples, rate });
    while (waiting.length > WAITING_MOST) {
      waiting.shift();
      drop(1);
    }
    if (inFlight && performance.now() - inFlight.at > LOST_AFTER_MS) inFlight = null;
    if (!inFlight) send();
  }

  function send(isEnd = false) {
    const field = document.querySelector("#maxsight-sound-piece :is(textarea, input)");
    if (!field || (!waiting.length && !isEnd)) return;
    const rate = waiting[0]?.rate ?? 16000;
    const alike = waiting.filter((one) => one.rate === rate);
    const pcm = window.releafMaxSightMicrophone.asText(alike.map((one) => one.samples));
    count += 1;
    inFlight = { n: count, at: performance.now(), pieces: waiting.length };
    waiting = [];
    field.value = JSON.stringify({ run, n: count, rate, pcm, muted: muted(), isEnd });
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // The server ends what goes on, and tells of it once more.
  function end() {
    send(true);
    waiting = [];
  }

  // Takes note of an answer and says whether it is one to what was sent in this run.
  function answered(message) {
    if (message.run && message.run !== run) return false;
    const isNewest = inFlight?.n === message.n;
    if (message.isLate) drop(isNewest ? inFlight.pieces : 1);
    if (isNewest || !message.run) inFlight = null;
    return true;
  }

  function goOn() {
    if (!inFlight) send();
  }

  // Seconds of sound that were dropped in this run; 0 again a while after the last.
  const droppedS = () => (performance.now() - droppedAt < SAID_FOR_MS ? dropped / 2 : 0);

  window.releafMaxSightPieces = {
    begin, take, end, answered, goOn, droppedS, isOf: (name) => run === name,
  };
})();
