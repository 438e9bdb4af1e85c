// MaxSight's microphone: opened as it is, cut into half seconds of 16-bit numbers, really ended.
(() => {
  "use strict";
  if (window.releafMaxSightMicrophone) return;

  // What is made for calls would take sirens for noise and doors for nothing.
  const AS_IT_IS = {
    echoCancellation: false, noiseSuppression: false, autoGainControl: false,
    channelCount: { ideal: 1 },
  };
  const LEVELS_PER_S = 20;
  // Some browsers never answer when sound may not begin.
  const RESUMES_WITHIN_MS = 1000;

  // Runs beside the page, so that no sample is lost while the page is busy.
  const WORKLET = `
    class ReleafPieces extends AudioWorkletProcessor {
      constructor() {
        super();
        this.piece = new Int16Array(Math.round(sampleRate / 2));
        this.filled = this.power = this.counted = 0;
      }
      process(inputs) {
        const samples = inputs[0][0];
        if (!samples) return true;
        for (const sample of samples) {
          const value = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
          this.piece[this.filled] = value;
          this.filled += 1;
          this.power += (value / 32768) ** 2;
          this.counted += 1;
          if (this.filled === this.piece.length) {
            this.port.postMessage({ piece: this.piece }, [this.piece.buffer]);
            this.piece = new Int16Array(Math.round(sampleRate / 2));
            this.filled = 0;
          }
        }
        if (this.counted >= sampleRate / ${LEVELS_PER_S}) {
          this.port.postMessage({ power: this.power / this.counted });
          this.power = this.counted = 0;
        }
        return true;
      }
    }
    registerProcessor("releaf-pieces", ReleafPieces);
  `;

  let open = null;

  const refused = (name) => Object.assign(new Error(name), { name });

  function ask() {
    if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw refused("insecure");
    if (!window.AudioWorkletNode) throw refused("old");
    // app.js explains a refusal of navigator.mediaDevices as one of the camera; this is none.
    return MediaDevices.prototype.getUserMedia.call(navigator.mediaDevices, { audio: AS_IT_IS });
  }

  // At the device's own rate, where the browser tells it: Firefox connects no others.
  function contextFor(track) {
    const { sampleRate } = track.getSettings();
    try {
      return new AudioContext(sampleRate ? { sampleRate } : {});
    } catch {
      return new AudioContext();
    }
  }

  // Opens the microphone and hands over `piece(samples, rate)` twice a second and `level(power)`
  // more often; `ended()` when the device goes away, `paused(isPaused)` when it rests. Returns
  // whether it is still wanted. Throws an error whose name is the browser's reason.
  async function start({ isWanted, piece, level, ended, paused }) {
    const stream = await ask();
    const own = { stream };
    open = own;
    if (!isWanted()) {
      end(own);
      return false;
    }
    try {
      const [track] = stream.getAudioTracks();
      track.addEventListener("ended", () => open === own && ended());
      track.addEventListener("mute", () => open === own && paused(true));
      track.addEventListener("unmute", () => open === own && paused(false));
      own.context = contextFor(track);
      const address = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
      await own.context.audioWorklet.addModule(address).finally(() => URL.revokeObjectURL(address));
      const pieces = new AudioWorkletNode(own.context, "releaf-pieces", {
        channelCount: 1, channelCountMode: "explicit",
      });
      pieces.port.onmessage = ({ data }) => {
        if (open !== own) return;
        if (data.piece) piece(data.piece, own.context.sampleRate);
        else level(data.power);
      };
      own.context.createMediaStreamSource(stream).connect(pieces);
      // It gives out silence; without an end some browsers would not run it.
      pieces.connect(own.context.destination);
      const waited = new Promise((done) => setTimeout(done, RESUMES_WITHIN_MS));
      await Promise.race([own.context.resume(), waited]);
    } catch (error) {
      end(own);
      throw error;
    }
    if (!isWanted()) end(own);
    return isWanted();
  }

  function end(own = open) {
    if (!own) return;
    for (const track of own.stream.getTracks()) track.stop();
    own.context?.close().catch(() => null);
    if (open === own) open = null;
  }

  // Two bytes a sample, the lower one first, as base64.
  function asText(pieces) {
    const length = pieces.reduce((sum, one) => sum + one.length, 0);
    const view = new DataView(new ArrayBuffer(2 * length));
    let place = 0;
    for (const one of pieces) {
      for (const sample of one) {
        view.setInt16(place, sample, true);
        place += 2;
      }
    }
    const bytes = new Uint8Array(view.buffer);
    let text = "";
    for (let from = 0; from < bytes.length; from += 0x8000) {
      text += String.fromCharCode(...bytes.subarray(from, from + 0x8000));
    }
    return btoa(text);
  }

  window.releafMaxSightMicrophone = {
    start, end, asText, tracks: () => open?.stream.getTracks() ?? [],
  };
})();
