// MaxSight's camera: Gradio's webcam, opened and ended by script, and each frame it takes counted.
(() => {
  "use strict";
  if (window.releafMaxSightCamera) return;

  const words = window.releafMaxSightWords;
  const LOOK_AGAIN_MS = 40;
  const within = (selector) => document.querySelector(`#maxsight-camera ${selector}`);
  const video = () => within("video");
  const captureButton = () => within(".button-wrap button");
  const pause = (forMs) => new Promise((done) => setTimeout(done, forMs));

  let wish = { video: { facingMode: { ideal: "environment" } } };
  let isOpening = false;
  let refusal = null;
  let isStreaming = false;
  let frames = 0;

  document.addEventListener("releaf-no-camera", (event) => {
    if (!isOpening) return;
    refusal = whyRefused(event.detail);
    event.preventDefault();
    window.releaf.announce(refusal, true, words.language());
  });

  function whyRefused(reason) {
    // No camera fits what was asked for: there is none of use.
    const named = reason === "OverconstrainedError" ? "NotFoundError" : reason;
    const known = words.has(`refused.${named}`) ? named : "other";
    const how = words.say(`allow.${window.releaf.browser()}`);
    return words.say("refused.photo", { why: words.say(`refused.${known}`, { how }) });
  }

  // The first time Gradio's own button asks for the camera; it has none for a second time.
  async function ask(isWanted) {
    const access = within('[title="grant webcam access"] button');
    if (!navigator.mediaDevices?.getUserMedia) {
      window.releaf.sayWhyNoCamera("insecure");
    } else if (access) {
      access.click();
    } else {
      const stream = await navigator.mediaDevices.getUserMedia(wish);
      video().srcObject = stream;
      await video().play();
    }
    while (isWanted() && !refusal && !(video()?.videoWidth && captureButton())) {
      await pause(LOOK_AGAIN_MS);
    }
  }

  // Waits for a picture, as long as `isWanted`, and says whether it is there; `whenEnded` hears of
  // a camera that goes away later. Throws an Error with a sentence for the person.
  async function open(isWanted, whenEnded) {
    isOpening = true;
    refusal = null;
    try {
      await ask(isWanted);
    } catch (error) {
      if (!refusal) window.releaf.sayWhyNoCamera(error.name);
    } finally {
      isOpening = false;
    }
    if (refusal) throw new Error(refusal);
    if (!isWanted()) {
      end();
      return false;
    }
    const [track] = video().srcObject.getVideoTracks();
    const wanted = track.getConstraints();
    if (Object.keys(wanted).length) wish = { video: wanted };
    track.addEventListener("ended", () => {
      if (isWanted()) whenEnded(words.say("stopped.taken"));
    });
    return true;
  }

  // A phone held upright has an upright picture.
  for (const kind of ["loadedmetadata", "resize"]) {
    document.addEventListener(kind, ({ target }) => {
      if (target !== video() || !target.videoWidth) return;
      const shape = `${target.videoWidth} / ${target.videoHeight}`;
      document.documentElement.style.setProperty("--maxsight-shape", shape);
    }, true);
  }

  // Gradio leaves the camera on when its stream ends.
  function end() {
    const stream = video()?.srcObject;
    for (const track of stream?.getTracks() ?? []) track.stop();
    if (stream) video().srcObject = null;
  }

  function stream(isWanted) {
    if (isStreaming === isWanted) return;
    isStreaming = isWanted;
    frames = 0;
    captureButton()?.click();
  }

  // Gradio takes every frame from a canvas that is in no page. The server is told how many were
  // taken, to count those it missed, and when, to measure how late its answer is.
  const encode = HTMLCanvasElement.prototype.toDataURL;
  HTMLCanvasElement.prototype.toDataURL = function (...given) {
    if (isStreaming && !this.isConnected) noteFrame();
    return encode.apply(this, given);
  };
  function noteFrame() {
    const field = document.querySelector("#maxsight-sent :is(textarea, input)");
    if (!field) return;
    frames += 1;
    field.value = `${frames} ${Math.round(performance.now())}`;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  window.releafMaxSightCamera = { video, open, end, stream };
})();
