() => {
  // One player at a time. Starting another one while one plays goes on at the
  // same place, so that versions can be compared by ear.
  document.addEventListener("play", (event) => {
    const next = event.target;
    if (!next.closest || !next.closest(".ds")) return;
    for (const other of document.querySelectorAll(".ds audio")) {
      if (other === next || other.paused) continue;
      other.pause();
      next.currentTime = other.currentTime;
    }
  }, true);
  // Browsers clean what a microphone hears, and change its level, unless they
  // are asked not to: then there would be little left to enhance.
  const devices = navigator.mediaDevices;
  if (!devices || !devices.getUserMedia) return;
  const ask = devices.getUserMedia.bind(devices);
  const raw = {
    echoCancellation: false, noiseSuppression: false, autoGainControl: false,
  };
  devices.getUserMedia = (wanted) => {
    if (!wanted || !wanted.audio) return ask(wanted);
    const audio = wanted.audio === true ? {} : wanted.audio;
    return ask({ ...wanted, audio: { ...audio, ...raw } });
  };
}
