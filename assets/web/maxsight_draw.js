// What MaxSight draws: boxes over the picture, urgency by shape, and the strip of the last frames.
(() => {
  "use strict";
  if (window.releafMaxSightDraw) return;

  // Safe, caution, warning, danger; light enough for a dark plate in every appearance.
  const COLOURS = ["#8fe3ac", "#ffe066", "#ffa94d", "#ff8080"];
  const CASING = "rgba(0, 0, 0, 0.75)";
  const PLATE = "rgba(0, 0, 0, 0.82)";
  // Corners in a square of side 1; a circle has none.
  const CORNERS = [
    [],
    [[0.5, 0.04], [1, 0.95], [0, 0.95]],
    [[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]],
    [[0.3, 0], [0.7, 0], [1, 0.3], [1, 0.7], [0.7, 1], [0.3, 1], [0, 0.7], [0, 0.3]],
  ];
  const SHAPE_NAMES = ["circle", "triangle", "diamond", "octagon"];
  const LABELS_AT_ONCE = { person: 4, clinician: 10, developer: 20 };

  function shapeIcon(urgency, size = 22) {
    const space = "http://www.w3.org/2000/svg";
    const icon = document.createElementNS(space, "svg");
    const corners = CORNERS[urgency];
    const shape = document.createElementNS(space, corners.length ? "polygon" : "circle");
    const given = corners.length
      ? { points: corners.map(([x, y]) => `${x * 20 + 2},${y * 20 + 2}`).join(" ") }
      : { cx: 12, cy: 12, r: 9.5 };
    for (const [name, value] of Object.entries(given)) shape.setAttribute(name, value);
    const about = { viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" };
    for (const [name, value] of Object.entries(about)) icon.setAttribute(name, value);
    icon.setAttribute("class", `urgency-shape shape-${SHAPE_NAMES[urgency]}`);
    icon.append(shape);
    return icon;
  }

  function traceShape(pen, urgency, x, y, size) {
    pen.beginPath();
    const corners = CORNERS[urgency];
    if (!corners.length) pen.arc(x + size / 2, y + size / 2, size / 2, 0, 2 * Math.PI);
    corners.forEach(([u, v]) => pen.lineTo(x + u * size, y + v * size));
    pen.closePath();
  }

  // As sharp as the screen allows, drawn in CSS pixels.
  function penOf(canvas, width, height) {
    const density = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * density), Math.round(height * density)];
    if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
    const pen = canvas.getContext("2d");
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }

  // Lays the canvas over the picture, which keeps its shape inside its box.
  function place(canvas, picture) {
    const [left, top, width, height] = [
      picture.offsetLeft, picture.offsetTop, picture.offsetWidth, picture.offsetHeight,
    ];
    const wanted = { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` };
    for (const [name, value] of Object.entries(wanted)) {
      if (canvas.style[name] !== value) canvas.style[name] = value;
    }
    const natural = [
      picture.videoWidth || picture.naturalWidth || width,
      picture.videoHeight || picture.naturalHeight || height,
    ];
    const scale = Math.min(width / natural[0], height / natural[1]) || 0;
    const size = natural.map((side) => side * scale);
    return {
      width, height,
      toPixels: ([x0, y0, x1, y1]) => [
        (width - size[0]) / 2 + x0 * size[0], (height - size[1]) / 2 + y0 * size[1],
        (x1 - x0) * size[0], (y1 - y0) * size[1],
      ],
    };
  }

  function strokeBox(pen, [x, y, wide, high], urgency) {
    const width = [2, 3, 4.5, 4][urgency];
    const line = (grow, thick, colour) => {
      pen.beginPath();
      const corner = urgency === 0 ? 10 : 2;
      pen.roundRect(x - grow, y - grow, wide + 2 * grow, high + 2 * grow, corner);
      pen.lineWidth = thick;
      pen.strokeStyle = colour;
      pen.stroke();
    };
    line(0, width + 3, CASING);
    pen.setLineDash(urgency === 1 ? [12, 7] : []);
    line(0, width, COLOURS[urgency]);
    pen.setLineDash([]);
    if (urgency < 3) return;
    line(width + 4, width + 3, CASING);
    line(width + 4, width, COLOURS[urgency]);
  }

  const fontOf = (size, weight = 400) => `${weight} ${size}px system-ui, sans-serif`;
  const nameOf = (thing) => (thing.isSure ? thing.name : `${thing.name}?`);

  function linesOf(thing, mode) {
    const where = [thing.direction, thing.distance].filter(Boolean).join(" · ");
    const isMeasured = mode !== "person" && Number.isFinite(thing.score);
    const score = isMeasured ? ` ${Math.round(thing.score * 100)} %` : "";
    const word = thing.urgencyWord.charAt(0).toUpperCase() + thing.urgencyWord.slice(1);
    return [`${word}: ${nameOf(thing)}${score}`, where];
  }

  // A label stands above its box, and moves down past those that already stand there.
  function placeLabel(box, size, view, taken) {
    const within = (value, most) => Math.max(2, Math.min(value, most - 2));
    const x = within(box[0], view.width - size[0]);
    let y = within(box[1] - size[1] - 6, view.height - size[1]);
    const isTaken = (other) =>
      x < other[0] + other[2] && other[0] < x + size[0] &&
      y < other[1] + other[3] && other[1] < y + size[1];
    for (let tries = 0; tries < taken.length; tries += 1) {
      const inTheWay = taken.find(isTaken);
      if (!inTheWay) break;
      y = inTheWay[1] + inTheWay[3] + 3;
    }
    return y + size[1] > view.height || taken.some(isTaken) ? null : [x, y, ...size];
  }

  function drawLabel(pen, [x, y, wide, high], lines, urgency, textSize) {
    pen.fillStyle = PLATE;
    pen.beginPath();
    pen.roundRect(x, y, wide, high, 6);
    pen.fill();
    pen.fillStyle = COLOURS[urgency];
    pen.fillRect(x, y + 3, 4, high - 6);
    traceShape(pen, urgency, x + 10, y + 6, textSize);
    pen.fill();
    pen.fillStyle = "#ffffff";
    pen.font = fontOf(textSize, 650);
    pen.fillText(lines[0], x + 16 + textSize, y + 5);
    pen.font = fontOf(textSize);
    if (lines[1]) pen.fillText(lines[1], x + 10, y + 9 + textSize);
  }

  // The canvas over a picture, put there if it isn't.
  function canvasOver(picture) {
    const frame = picture.parentElement;
    let canvas = frame.querySelector(":scope > canvas.maxsight-boxes");
    if (!canvas) {
      canvas = document.createElement("canvas");
      canvas.className = "maxsight-boxes";
      canvas.setAttribute("aria-hidden", "true");
      frame.append(canvas);
    }
    return canvas;
  }

  // Draws all things of a message; with an alpha of 0 nothing is left.
  function boxes(picture, things, { alpha = 1, mode = "person" } = {}) {
    const canvas = canvasOver(picture);
    // Also where the tab is closed and the picture has no size: nothing old may wait there.
    if (alpha <= 0 || !things.length) {
      canvas.width = 0;
      return;
    }
    const view = place(canvas, picture);
    if (!view.width) return;
    const pen = penOf(canvas, view.width, view.height);
    pen.globalAlpha = alpha;
    pen.textBaseline = "top";
    const textSize = view.width < 480 ? 14 : 16;
    const rising = [...things].sort((one, other) => one.urgency - other.urgency);
    for (const thing of rising) strokeBox(pen, view.toPixels(thing.box), thing.urgency);
    const taken = [];
    for (const thing of rising.reverse().slice(0, LABELS_AT_ONCE[mode])) {
      const lines = linesOf(thing, mode);
      pen.font = fontOf(textSize, 650);
      const first = pen.measureText(lines[0]).width + textSize + 26;
      pen.font = fontOf(textSize);
      const wide = Math.max(first, pen.measureText(lines[1]).width + 20);
      const high = lines[1] ? 2 * textSize + 16 : textSize + 12;
      const spot = placeLabel(view.toPixels(thing.box), [wide, high], view, taken);
      if (!spot) continue;
      taken.push(spot);
      drawLabel(pen, spot, lines, thing.urgency, textSize);
    }
  }

  const LETTERS = { ran: "R", slow: "S", unsure: "U", busy: "B", absent: "–" };
  const TOKENS = { ran: "--good", slow: "--bad", unsure: "--wait", busy: "--focus", absent: "--quiet" };
  const LEAST_SCALE_MS = 40;

  // One column a frame: how long Stage A took, and by colour and letter whether Stage B was started.
  function strip(canvas, stages, most) {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    const pen = penOf(canvas, width, height);
    const style = getComputedStyle(canvas);
    const colour = (token) => style.getPropertyValue(token).trim();
    const column = width / most;
    const bars = height - 20;
    const longest = Math.max(LEAST_SCALE_MS, ...stages.map((stage) => stage.ms ?? 0));
    pen.font = fontOf(13, 600);
    pen.textBaseline = "alphabetic";
    let lettered = -Infinity;
    stages.forEach((stage, index) => {
      const x = (most - stages.length + index) * column;
      const high = ((stage.ms ?? 0) / longest) * (bars - 16);
      pen.fillStyle = colour(TOKENS[stage.gate] ?? "--quiet");
      pen.fillRect(x, bars - high, Math.max(1, column - 0.5), high);
      pen.fillRect(x, bars + 1, Math.max(1, column), 3);
      const isNew = stage.gate !== stages[index - 1]?.gate || x - lettered > 80;
      if (isNew && x - lettered >= 11 && LETTERS[stage.gate]) {
        pen.fillText(LETTERS[stage.gate], x, height - 2);
        lettered = x;
      }
    });
    pen.fillStyle = colour("--quiet");
    pen.fillText(`${Math.round(longest)} ms`, 0, 11);
    pen.fillRect(0, 15, width, 1);
  }

  window.releafMaxSightDraw = { boxes, strip, shapeIcon, nameOf, LETTERS, TOKENS };
})();
