// What MaxSight writes: the large line, what is in view, the strip of the last frames, the log.
(() => {
  "use strict";
  if (window.releafMaxSightView) return;

  const draw = window.releafMaxSightDraw;
  const words = window.releafMaxSightWords;
  const FRAMES = 200;
  // Words that change faster than this can't be read.
  const READABLE_MS = 250;
  const LOG_LINES = 200;
  const GATE_WORDS = {
    ran: "context pass ran",
    slow: "skipped: slow",
    unsure: "skipped: unsure",
    busy: "skipped: busy",
    absent: "no context pass",
  };

  let stages = [];
  let lines = [];
  const shown = {};

  // The skeleton of a part is on the page; what was said last has its place under the large line.
  function partOf(name, box = name) {
    const host = document.getElementById(`maxsight-${box}`);
    const part = host?.querySelector(`[data-part="${name}"]`) ?? null;
    if (part || name !== "said") return part;
    const said = make("div", "maxsight-said");
    said.dataset.part = "said";
    host?.querySelector('[data-part="state"]')?.after(said);
    return said.isConnected ? said : null;
  }

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  }

  // Draws a part anew where it changed, and not more often than can be read unless it matters.
  function update(name, key, build, { isPressing = false, box = name } = {}) {
    const part = partOf(name, box);
    const before = shown[name];
    const now = performance.now();
    const isOld = !before || before.part !== part;
    if (!part || (!isOld && before.key === key)) return;
    if (!isOld && !isPressing && now - before.at < READABLE_MS) return;
    shown[name] = { key, at: now, part };
    part.replaceChildren(...build());
  }

  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  // The large line: a shape, a word, and what it is about. `urgency` is null where nothing is known.
  function state(urgency, word, what, { isProblem = false, isPressing = true, lang = words.language(), whatLang = lang } = {}) {
    const level = isProblem ? "problem" : urgency === null ? "none" : urgency;
    const rose = urgency !== null && urgency > (shown.urgency ?? -1);
    shown.urgency = urgency;
    const build = () => {
      const lines = [make("p", "state-word", sentence(word)), make("p", "state-what", what)];
      [lines[0].lang, lines[1].lang] = [lang, whatLang];
      const shape = urgency === null ? null : draw.shapeIcon(urgency, 44);
      return [make("div", `state-line urgency-${level}`, shape, make("div", "", ...lines))];
    };
    const more = { isPressing: isPressing || rose, box: "status" };
    update("state", `${level}|${word}|${what}`, build, more);
  }

  // The line under it: what was said last, and why nothing is heard if so.
  function said(text, lang, why) {
    const begin = words.say("said.last");
    const build = () => {
      const lines = [];
      if (text) {
        const spoken = make("span", "", text);
        spoken.lang = lang;
        lines.push(make("p", "", `${begin} `, spoken));
      }
      if (why) lines.push(make("p", "quiet", why));
      for (const line of lines) line.lang = words.language();
      return lines;
    };
    update("said", `${begin}|${text}|${why}`, build, { isPressing: true, box: "status" });
  }

  function item(thing, mode, lang) {
    const text = make("span", "thing-said", thing.said || draw.nameOf(thing));
    text.lang = lang;
    const facts = [];
    if (mode !== "person") {
      facts.push(`score ${Math.round((thing.score ?? 0) * 100)} %`, thing.zone);
      if (Number.isFinite(thing.contrast)) facts.push(`contrast ${Math.round(thing.contrast * 100)} %`);
    }
    if (mode === "developer") facts.push(`track ${thing.id}`);
    const word = make("span", "thing-word", `${sentence(thing.urgencyWord)}.`);
    word.lang = lang;
    const extra = facts.length ? make("span", "quiet thing-facts", facts.join(" · ")) : null;
    return make(
      "li", `thing urgency-${thing.urgency}`,
      draw.shapeIcon(thing.urgency), make("div", "", make("p", "", word, " ", text), extra),
    );
  }

  function list(things, mode, lang = "en") {
    const sorted = [...things].sort((one, other) => other.urgency - one.urgency);
    const key = `${mode}|${sorted.map((one) => [one.id, one.urgency, one.said, one.zone, mode !== "person" && one.score])}`;
    // What is gone must not stay to be read.
    const isPressing = sorted.length === 0;
    const build = () =>
      isPressing ? [] : [make("ul", "things", ...sorted.map((thing) => item(thing, mode, lang)))];
    update("list", key, build, { isPressing });
  }

  const ms = (value) => (Number.isFinite(value) ? `${value.toFixed(1)} ms` : "–");

  function stripWords() {
    const now = stages[stages.length - 1];
    const counts = Object.keys(GATE_WORDS)
      .map((gate) => [gate, stages.filter((stage) => stage.gate === gate).length])
      .filter(([, count]) => count > 0);
    const legend = counts.map(([gate, count]) => {
      const key = make("span", "gate-key", draw.LETTERS[gate]);
      key.style.background = `var(${draw.TOKENS[gate]})`;
      return make("li", "", key, `${GATE_WORDS[gate]}: ${count}`);
    });
    const facts = [
      ["Stage A", ms(now.ms)], ["p50", ms(now.p50)], ["p95", ms(now.p95)],
      ["frames/s", Number.isFinite(now.fps) ? now.fps.toFixed(1) : "–"],
      ["dropped", `${now.dropped ?? 0}`],
      ["uncertainty", Number.isFinite(now.uncertainty) ? now.uncertainty.toFixed(2) : "–"],
    ].map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value)));
    return { facts, legend, reason: now.reason ?? "" };
  }

  function strip(stage) {
    if (stage) stages = [...stages, stage].slice(-FRAMES);
    const part = partOf("strip");
    if (!part?.offsetParent || !stages.length) return;
    const before = shown.strip;
    const now = performance.now();
    if (before?.part === part && now - before.at < READABLE_MS) return;
    let canvas = part.querySelector("canvas");
    if (!canvas) {
      canvas = make("canvas", "strip-picture");
      canvas.setAttribute("role", "img");
      part.replaceChildren(canvas, make("div", "strip-words"));
    }
    shown.strip = { part, at: now };
    const told = stripWords();
    draw.strip(canvas, stages, FRAMES);
    canvas.setAttribute("aria-label", `Stage A's time in the last ${stages.length} frames, in words below`);
    part.querySelector(".strip-words").replaceChildren(
      make("dl", "strip-facts", ...told.facts),
      make("ul", "strip-legend", ...told.legend),
      make("p", "quiet", `Now: ${told.reason}`),
    );
  }

  // Clinicians read urgency and alerts, developers all of it.
  function log(message, newAlerts) {
    if (message.mode === "person") return;
    const at = `${(message.at_s ?? 0).toFixed(2)} s`;
    const spoken = newAlerts.map((alert) => `said “${alert.text}”`);
    const things = message.objects.map((one) => `${one.name} ${Math.round(one.score * 100)} % ${one.distance}`);
    const parts = [`#${message.frame}`, at, message.urgencyWord ?? message.problem ?? "unreadable"];
    if (message.mode === "developer") {
      parts.push(ms(message.stage?.ms), message.stage?.gate ?? "", ...things);
    }
    lines = [[...parts, ...spoken].join("  "), ...lines].slice(0, LOG_LINES);
    const part = partOf("log");
    if (!part?.offsetParent) return;
    update("log", lines[0], () => {
      const text = make("pre", "log-lines", lines.join("\n"));
      text.tabIndex = 0;
      text.setAttribute("role", "region");
      text.setAttribute("aria-label", "Log, newest first");
      return [text];
    });
  }

  const picture = () => partOf("picture")?.querySelector("img") ?? null;

  // The frame of a photo or a video; `whenThere` is called whenever another one is there.
  function showPicture(address, whenThere) {
    const part = partOf("picture");
    if (!part) return;
    if (!picture()) {
      const empty = make("img");
      empty.alt = "The frame that was looked at";
      empty.addEventListener("load", () => whenThere());
      part.replaceChildren(make("div", "maxsight-frame", empty));
    }
    if (picture().src === address) whenThere();
    else picture().src = address;
  }

  function restart() {
    stages = [];
    lines = [];
    shown.urgency = null;
  }

  window.releafMaxSightView = { state, said, list, strip, log, picture, showPicture, restart };
})();
