// What the section "Sounds" shows: what is heard now, how loud, and the last sounds in time.
(() => {
  "use strict";
  if (window.releafMaxSightSoundView) return;

  const shapeIcon = window.releafMaxSightDraw.shapeIcon;
  const STRIP_S = 60;
  const SILENCE_DB = 75;
  const METER_SAID_MS = 1000;
  // An urgency of engines/maxsight/tiers.py.
  const WARNING = 2;

  let parts = null;
  let words = null;
  let language = "en";
  let meterSaidAt = 0;
  let shownLevel = 0;

  const host = () => document.getElementById("maxsight-sounds");
  const isThere = () => parts !== null && parts.root.isConnected;

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  }

  const set = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const say = (name, given = {}) =>
    words.page[name].replace(/\{(\w+)\}/g, (_, place) => given[place] ?? "");
  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  function button(id, text, className = "action") {
    const element = make("button", className, text);
    element.type = "button";
    if (id) element.id = id;
    return element;
  }

  function choice(name, isOn) {
    const box = make("input");
    box.type = "checkbox";
    box.checked = isOn;
    box.dataset.soundChoice = name;
    return make("label", "sound-choice", box, make("span", "", say(name)));
  }

  function bar(name, role) {
    const fill = make("span");
    const track = make("div", "sound-bar", fill);
    const about = role
      ? { role, "aria-label": say(name), "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "0" }
      : { "aria-hidden": "true" };
    for (const [key, value] of Object.entries(about)) track.setAttribute(key, value);
    return { track, fill };
  }

  // Builds the section anew in a language; what it shows comes with the next `draw`.
  function build(root, allWords, lang, settings) {
    [words, language] = [allWords[lang], lang];
    const level = bar("level", "meter");
    parts = {
      root: make("div", "sounds"),
      toggle: button("maxsight-sound-toggle", "", "sound-toggle"),
      level, levelNumber: make("span", "sound-number", "0"),
      alarm: make("div", "sound-alarm"), alarmIcon: make("span", "sound-shape"), alarmText: make("p"),
      gotIt: button("maxsight-sound-got-it", say("got_it"), "sound-got-it"),
      now: make("div", "sound-now maxsight-state"), cards: make("ul", "sound-cards"),
      state: make("div", "state-line urgency-none", make("div", "", make("p", "state-word"), make("p", "state-what"))),
      problems: make("ul", "sound-problems"),
      info: make("p", "quiet", say("listens_on")),
      fileStop: button("maxsight-sound-file-stop", say("file_stop")),
      strip: document.createElementNS("http://www.w3.org/2000/svg", "svg"),
      stripFrom: make("span"), stripTo: make("span"),
      list: make("ol", "things"), empty: make("p", "quiet", say("no_sounds")),
      known: make("ul", "sound-known"), still: make("p", "quiet", say("flash_still")),
      rows: new Map(), cardOf: new Map(), keys: {},
    };
    parts.root.lang = language;
    parts.alarm.hidden = true;
    parts.alarm.append(parts.alarmIcon, parts.alarmText, parts.gotIt);
    const strip = { class: "sound-strip", role: "img", viewBox: "0 0 600 48", preserveAspectRatio: "none" };
    for (const [key, value] of Object.entries(strip)) parts.strip.setAttribute(key, value);
    const scroll = make("div", "sound-scroll", parts.list, parts.empty);
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", say("last_sounds"));
    const details = make("details", "", make("summary", "", say("known")), make("p", "quiet", say("known_info")), parts.known);
    parts.root.append(
      make("h3", "", say("title")),
      make("p", "quiet", make("strong", "", say("note")), " ", say("note_more"), " ", say("privacy")),
      make("div", "sound-columns",
        make("div", "sound-left", parts.toggle,
          make("div", "sound-level", make("span", "", say("level")), level.track, parts.levelNumber),
          parts.alarm, parts.now, parts.problems, parts.fileStop, parts.info),
        make("div", "sound-right", make("h4", "", say("last_sounds")), parts.strip,
          make("p", "sound-axis quiet", parts.stripFrom, parts.stripTo), scroll)),
      make("div", "sound-choices", choice("flash", settings.flash), choice("voice", settings.voice), parts.still),
      details,
    );
    parts.now.append(parts.cards, parts.state);
    root.replaceChildren(parts.root);
  }

  const clock = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
    const end = `${String(minutes).padStart(hours ? 2 : 1, "0")}:${String(whole % 60).padStart(2, "0")}`;
    return hours ? `${hours}:${end}` : end;
  };

  function when(item, now) {
    if (item.source === "file") return say("at", { time: clock(item.beganS) });
    if (item.isGoing) return say("now");
    const seconds = Math.max(0, (now - item.endedAt) / 1000);
    if (seconds < 60) return say("seconds_ago", { count: Math.round(seconds) });
    return say("minutes_ago", { count: Math.floor(seconds / 60) });
  }

  // One sound that goes on: made once, then only its words and its bar change.
  function card(event) {
    const loud = bar("loudness");
    const made = {
      element: make("li"), icon: make("span", "sound-shape"), name: make("p", "state-word"),
      facts: make("p", "state-what"), loud, number: make("span", "sound-number"),
      mute: button("", ""),
    };
    made.mute.dataset.soundMute = event.classId;
    made.element.append(
      made.icon,
      make("div", "", made.name, made.facts, make("div", "sound-loud", loud.track, made.number), made.mute),
    );
    return made;
  }

  function drawCards(events, model) {
    for (const [id, made] of parts.cardOf) {
      if (events.some((event) => event.id === id)) continue;
      made.element.remove();
      parts.cardOf.delete(id);
    }
    events.forEach((event, index) => {
      const made = parts.cardOf.get(event.id) ?? card(event);
      parts.cardOf.set(event.id, made);
      if (made.urgency !== event.urgency) {
        made.icon.replaceChildren(shapeIcon(event.urgency, 44));
        made.element.className = `state-line sound-card urgency-${event.urgency}`;
        made.urgency = event.urgency;
      }
      const name = model.nameOf(event.classId);
      set(made.name, event.urgency ? `${words.urgencies[event.urgency]}: ${name}` : sentence(name));
      const facts = [words.trends[event.trend], words.sure[event.sureStep]];
      if (model.mode !== "person") facts.push(`${Math.round(event.sure * 100)} %`);
      set(made.facts, facts.filter(Boolean).join(" · "));
      made.loud.fill.style.width = `${event.loudness}%`;
      const decibels = model.mode === "person" || event.loudnessDb === null ? "" : ` (${event.loudnessDb} dBFS)`;
      set(made.number, say("loudness", { share: event.loudness }) + decibels);
      set(made.mute, say("mute", { name }));
      if (parts.cards.children[index] !== made.element) {
        parts.cards.insertBefore(made.element, parts.cards.children[index] ?? null);
      }
    });
  }

  function drawState(model, events) {
    parts.state.hidden = events.length > 0;
    const [word, what] = parts.state.querySelectorAll("p");
    parts.state.classList.toggle("urgency-problem", model.isProblem);
    set(word, model.word);
    set(what, model.what);
    what.hidden = !model.what;
  }

  function drawProblems(problems) {
    const key = problems.join("|");
    if (parts.keys.problems === key) return;
    parts.keys.problems = key;
    parts.problems.replaceChildren(...problems.map((text) => make("li", "", text)));
  }

  function row(item) {
    const made = { element: make("li", ""), name: make("p"), facts: make("span", "quiet thing-facts") };
    made.icon = make("span", "sound-shape");
    made.element.append(made.icon, make("div", "", made.name, made.facts));
    return made;
  }

  function drawRows(items, model) {
    const shown = new Set(items.map((item) => item.id));
    for (const [id, made] of parts.rows) {
      if (shown.has(id)) continue;
      made.element.remove();
      parts.rows.delete(id);
    }
    items.forEach((item, index) => {
      const made = parts.rows.get(item.id) ?? row(item);
      parts.rows.set(item.id, made);
      if (made.urgency !== item.urgency) {
        made.icon.replaceChildren(shapeIcon(item.urgency));
        made.element.className = `thing urgency-${item.urgency}`;
        made.urgency = item.urgency;
      }
      set(made.name, `${sentence(model.nameOf(item.classId))} · ${words.urgencies[item.urgency]}`);
      const length = Math.max(1, Math.round(item.lastS - item.beganS));
      set(made.facts, [
        when(item, model.now), say("lasted", { count: length }), words.sure[item.sureStep],
        say("loudness", { share: item.loudness }),
      ].join(" · "));
      if (parts.list.children[index] !== made.element) {
        parts.list.insertBefore(made.element, parts.list.children[index] ?? null);
      }
    });
    parts.empty.hidden = items.length > 0;
  }

  // One lane for each urgency, so that colour is not all there is.
  function drawStrip(items, model) {
    const isFile = model.source === "file";
    const whole = isFile ? Math.max(1, model.fileS) : STRIP_S;
    const bars = items.map((item) => {
      const last = isFile ? item.lastS : whole - (model.now - item.endedAt) / 1000;
      const from = Math.max(0, last - Math.max(0.5, item.lastS - item.beganS));
      if (last <= 0) return null;
      const shape = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const given = {
        x: (from / whole) * 600, width: Math.max(2, ((Math.min(last, whole) - from) / whole) * 600),
        y: (3 - item.urgency) * 12 + 1, height: 10, class: `urgency-${item.urgency}`,
      };
      for (const [name, value] of Object.entries(given)) shape.setAttribute(name, value);
      return shape;
    });
    parts.strip.replaceChildren(...bars.filter(Boolean));
    const label = say(isFile ? "strip_file" : "strip");
    if (parts.keys.strip !== label) parts.strip.setAttribute("aria-label", label);
    parts.keys.strip = label;
    set(parts.stripFrom, isFile ? "0:00" : say("minute_ago"));
    set(parts.stripTo, isFile ? clock(model.fileS) : say("now"));
  }

  function drawKnown(model) {
    const key = model.known.map((one) => [one.id, model.muted.has(one.id)]).join("|");
    if (parts.keys.known === key) return;
    parts.keys.known = key;
    const focused = document.activeElement?.dataset?.soundMute;
    parts.known.replaceChildren(...model.known.map((one) => {
      const name = model.nameOf(one.id);
      const toggle = button("", say(model.muted.has(one.id) ? "unmute" : "mute", { name }));
      toggle.dataset.soundMute = one.id;
      return make("li", "", shapeIcon(one.urgency), toggle);
    }));
    // The same button stands there anew.
    if (focused && document.activeElement === document.body) {
      parts.known.querySelector(`[data-sound-mute="${focused}"]`)?.focus();
    }
  }

  // Shows everything as it is now.
  function draw(model) {
    if (!isThere()) return;
    const events = model.events.filter((event) => !model.muted.has(event.classId));
    const items = model.items.filter((item) => !model.muted.has(item.classId));
    set(parts.toggle, say(model.isListening ? "stop" : "start"));
    parts.root.dataset.phase = model.phase;
    drawCards(events, model);
    drawState(model, events);
    drawProblems(model.problems);
    drawRows(items, model);
    drawStrip(items, model);
    drawKnown(model);
    parts.info.hidden = model.phase !== "running";
    parts.fileStop.hidden = !model.isFileRunning;
    parts.still.hidden = !model.isStill;
  }

  // The level of the microphone itself, so that one sees that it works; `power` from 0 to 1.
  function level(power) {
    if (!isThere()) return;
    const share = power > 0 ? Math.max(0, Math.min(100, 100 * (1 + (10 * Math.log10(power)) / SILENCE_DB))) : 0;
    // Down more slowly than up, as it is read more easily.
    shownLevel = power > 0 ? Math.max(share, shownLevel * 0.85) : 0;
    parts.level.fill.style.width = `${shownLevel.toFixed(1)}%`;
    const now = performance.now();
    if (now - meterSaidAt < METER_SAID_MS && power > 0) return;
    meterSaidAt = now;
    set(parts.levelNumber, String(Math.round(share)));
    parts.level.track.setAttribute("aria-valuenow", String(Math.round(share)));
  }

  function alarm(list, nameOf, now) {
    if (!isThere()) return;
    const hadFocus = document.activeElement === parts.gotIt;
    parts.alarm.hidden = list.length === 0;
    if (hadFocus && !list.length) parts.toggle.focus();
    if (!list.length) return;
    // What only calls, as a doorbell does, must not look like a danger.
    const worst = Math.max(...list.map((one) => one.urgency));
    if (parts.alarm.dataset.urgency !== String(worst)) {
      parts.alarm.dataset.urgency = worst;
      parts.alarmIcon.replaceChildren(shapeIcon(worst, 40));
    }
    const said = list.map((one) => {
      const seconds = Math.round((now - one.heardAt) / 1000);
      const time = seconds < 2 ? say("now") : say("seconds_ago", { count: seconds });
      const what = say(one.urgency >= WARNING ? "alarm" : "call", { name: nameOf(one.classId) });
      return `${what}, ${say("heard_at", { when: time })}`;
    });
    set(parts.alarmText, said.join(". "));
  }

  window.releafMaxSightSoundView = { host, isThere, build, draw, level, alarm, say, clock };
})();
