// What MaxSight writes of the surroundings: the thing looked for, text, measures, two pictures.
(() => {
  "use strict";
  if (window.releafMaxSightContextView) return;

  const words = window.releafMaxSightWords;
  // Words that change faster than this can't be read.
  const READABLE_MS = 500;
  const shown = {};

  function partOf(name) {
    return document.querySelector(`:is(#maxsight-context-panel, #maxsight-eyes-panel) [data-part="${name}"]`);
  }

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }

  function inLanguage(tag, className, text, lang) {
    const element = make(tag, className, text);
    if (lang) element.lang = lang;
    return element;
  }

  function put(name, children) {
    const part = partOf(name);
    if (!part) return;
    shown[name] = performance.now();
    part.replaceChildren(...children);
  }

  const isTooSoon = (name) => performance.now() - (shown[name] ?? -READABLE_MS) < READABLE_MS;
  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const percent = (share) => `${Math.round(share * 100)} %`;

  // The thing that is looked for; `name` alone where no frame has come yet, nothing without a search.
  function find(name, guidance, isPressing = true) {
    if (!name) return put("find", []);
    // The language may have been changed since the search began.
    const called = guidance?.name ?? name;
    if (!isPressing && isTooSoon("find")) return;
    const reasons = guidance?.reasons || (guidance?.easy ? `${sentence(guidance.easy)}.` : "");
    const text = guidance?.text ?? words.say("find.start");
    put("find", [make("div", `context-card${guidance?.isInView ? " is-found" : ""}`,
      inLanguage("p", "context-head", words.say("find.looking_for", { name: called }), words.language()),
      inLanguage("p", "context-what", text, guidance?.language ?? words.language()),
      reasons ? inLanguage("p", "quiet", reasons, guidance.language) : null,
    )]);
  }

  function reading() {
    const head = make("p", "context-head", words.say("read.reading"));
    const card = make("div", "context-card", head, make("p", "quiet", words.say("read.takes")));
    card.lang = words.language();
    put("read", [card]);
  }

  function line(one) {
    const facts = `${one.language}, ${one.sure}`;
    return make("li", "", inLanguage("span", "context-text", one.text, one.lang), " ", make("span", "quiet", facts));
  }

  function read(message) {
    const count = message.lines?.length ?? 0;
    const head = words.say(message.error ? "read.failed" : count ? "read.found" : "read.none");
    const card = make("div", "context-card",
      make("p", "context-head", head),
      message.error ? inLanguage("p", "", message.error, message.lang) : null,
      count ? make("ol", "context-lines", ...message.lines.map(line)) : null,
      message.error || count ? null : make("p", "quiet", words.say("read.unseen")),
      Number.isFinite(message.frame) ? make("p", "quiet", words.say("read.frame", { frame: message.frame })) : null,
    );
    card.lang = words.language();
    put("read", [card]);
  }

  function thing(one, lang) {
    const name = make("strong", "", one.name);
    name.lang = lang;
    const why = one.reasons || sentence(one.easy);
    const facts = [];
    if (one.findability !== null) facts.push(`findability ${percent(one.findability)}`);
    if (one.contrastRatio !== null) facts.push(`contrast ${one.contrastRatio.toFixed(1)} : 1`);
    return make("li", "",
      make("p", "", name, one.distance ? ": " : "", inLanguage("span", "", one.distance, lang)),
      make("p", "quiet", facts.join(" · "), facts.length && why ? ". " : "", inLanguage("span", "", why, lang)),
    );
  }

  function facts(context) {
    const rows = [];
    const picture = context.picture;
    if (context.difficulty !== null) rows.push(["Hard to find the way", percent(context.difficulty)]);
    if (picture) {
      rows.push(["Clutter (edges)", percent(picture.clutter)], ["Glare", percent(picture.glare)]);
      rows.push(["Contrast of the picture", percent(picture.contrast)], ["Light", percent(picture.light)]);
    }
    if (Number.isFinite(context.ms)) rows.push(["Stage B", `${context.ms.toFixed(1)} ms`], ["of frame", `${context.frame}`]);
    return rows.map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value)));
  }

  function whenTaken(context) {
    if (!context.framesAgo) return `Of frame ${context.frame}, the one in view.`;
    const ago = context.ageS === null ? "" : `, ${context.ageS.toFixed(1)} s ago`;
    const frames = context.framesAgo === 1 ? "1 frame" : `${context.framesAgo} frames`;
    return `Of frame ${context.frame}, ${frames} older than the one in view${ago}.`;
  }

  // All that Stage B found, for clinicians and developers; null takes it away.
  function context(found, lang) {
    if (!found) return put("context", []);
    if (isTooSoon("context") && partOf("context")?.firstChild) return;
    const open = partOf("context")?.querySelector("details")?.open;
    const graph = found.graph === null ? null : make("details", "", make("summary", "", "Scene graph"), make("pre", "context-graph", found.graph || "empty"));
    if (graph) graph.open = open ?? false;
    const said = [found.difficultyText, found.path && `Free floor: ${found.path}`, ...found.crossings]
      .filter(Boolean).map((text) => inLanguage("p", "", text, lang));
    put("context", [make("div", "context-card",
      make("p", "context-head", "Surroundings"),
      make("p", "quiet", whenTaken(found)),
      found.objects.length ? make("ul", "context-things", ...found.objects.map((one) => thing(one, lang))) : make("p", "", "No thing is recognised."),
      make("dl", "strip-facts", ...facts(found)),
      ...said,
      found.lines.length ? make("ol", "context-lines", ...found.lines.map(line)) : null,
      ...found.problems.map((text) => make("p", "problem", text)),
      graph,
    )]);
  }

  function figure(address, alt, caption) {
    const image = make("img");
    image.alt = alt;
    image.src = address;
    return make("figure", "", image, make("figcaption", "", caption));
  }

  function eyes(message) {
    if (message.error) return put("eyes", [make("p", "problem", message.error)]);
    const shownAs = message.isHelp ? "changed to help with" : "as it may look with";
    const caption = message.isHelp ? `What may help: ${message.name}` : `As it may look: ${message.name}`;
    put("eyes", [
      make("div", "eyes-pair",
        figure(message.original, `Frame ${message.frame} as the camera sees it`, "As the camera sees it"),
        figure(message.changed, `The same picture, ${shownAs} ${message.name}, strength ${message.severity} of 1`, `${caption}, ${message.severity} of 1`),
      ),
      make("p", "", message.what),
      message.assumes ? make("p", "", message.assumes) : null,
      make("details", "", make("summary", "", "Where this comes from"), make("p", "", message.source), make("p", "quiet", message.checked)),
    ].filter(Boolean));
  }

  window.releafMaxSightContextView = { find, reading, read, context, eyes };
})();
