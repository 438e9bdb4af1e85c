// The tone that leads to a thing: short and gentle, higher towards the middle, faster when closer.
(() => {
  "use strict";
  if (window.releafMaxSightTone) return;

  const GAIN = 0.08;
  // Under a voice it must not be in the way.
  const GAIN_UNDER_VOICE = 0.02;
  const BEEP_S = 0.09;
  const FADE_S = 0.015;
  // A direction older than this may be wrong by now.
  const STALE_MS = 1000;

  const voice = window.releafMaxSightVoice;
  let audio = null;
  let wanted = null;
  let since = 0;
  let timer = 0;
  let beeps = 0;

  // Browsers let a page sound only after a press.
  function unlock() {
    const Audio = window.AudioContext ?? window.webkitAudioContext;
    if (!Audio) return;
    audio ??= new Audio();
    audio.resume?.().catch(() => {});
  }

  function beep() {
    timer = 0;
    if (!wanted || document.hidden || performance.now() - since > STALE_MS) return;
    if (audio?.state === "running" && !voice.isMuted()) sound();
    timer = setTimeout(beep, 1000 / wanted.perS);
  }

  function sound() {
    const now = audio.currentTime;
    const oscillator = audio.createOscillator();
    const gain = audio.createGain();
    const level = voice.isSpeaking() ? GAIN_UNDER_VOICE : GAIN;
    oscillator.frequency.value = wanted.hz;
    gain.gain.setValueAtTime(0, now);
    gain.gain.linearRampToValueAtTime(level, now + FADE_S);
    gain.gain.linearRampToValueAtTime(0, now + BEEP_S);
    oscillator.connect(gain);
    if (audio.createStereoPanner) {
      const pan = audio.createStereoPanner();
      pan.pan.value = wanted.pan;
      gain.connect(pan).connect(audio.destination);
    } else {
      gain.connect(audio.destination);
    }
    oscillator.start(now);
    oscillator.stop(now + BEEP_S);
    beeps += 1;
  }

  // Sounds as `guidance` says from now on; nothing where the thing is not in view.
  function follow(guidance) {
    if (!guidance?.isInView || !(guidance.perS > 0) || !(guidance.hz > 0)) return stop();
    wanted = { hz: guidance.hz, perS: guidance.perS, pan: guidance.pan ?? 0 };
    since = performance.now();
    if (!timer) beep();
  }

  function stop() {
    wanted = null;
    clearTimeout(timer);
    timer = 0;
  }

  window.releafMaxSightTone = { unlock, follow, stop, isOn: () => timer !== 0, beeps: () => beeps };
})();
