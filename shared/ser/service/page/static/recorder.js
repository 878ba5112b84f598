// Recordings of the microphone, as WAV.

import { RATE } from "./timeline.js";
import { writeWav } from "./sounds.js";

const PLAIN = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Start to record; `heard` gets the seconds so far and the level of the last samples, 0 to 1. */
export async function record(heard) {
  if (!navigator.mediaDevices) {
    throw new Error(
      "Browsers allow the microphone only over HTTPS or on localhost. Choose a file instead.",
    );
  }
  const stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN }).catch((error) => {
    throw new Error(`The microphone cannot be used (${error.name}). Allow it in the browser, or choose a file.`);
  });
  const { context, source } = connected(stream);
  const node = await nodeIn(context).catch(async (error) => {
    // Otherwise the microphone would stay on.
    stream.getTracks().forEach((track) => track.stop());
    await context.close();
    throw new Error(`The recording cannot start (${error.message}). Reload the page.`);
  });
  const parts = [];
  let samples = 0;
  node.port.onmessage = ({ data }) => {
    parts.push(data);
    samples += data.length;
    const peak = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    heard(samples / context.sampleRate, peak);
  };
  source.connect(node);
  return async () => {
    source.disconnect();
    stream.getTracks().forEach((track) => track.stop());
    const { sampleRate } = context;
    await context.close();
    const joined = new Float32Array(samples);
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return new File([writeWav(joined, sampleRate)], "recording.wav", { type: "audio/wav" });
  };
}

/** Return a context at the rate of models, or at that of the device where browsers refuse to mix. */
function connected(stream) {
  const context = new AudioContext({ sampleRate: RATE });
  try {
    return { context, source: context.createMediaStreamSource(stream) };
  } catch {
    const other = new AudioContext();
    return { context: other, source: other.createMediaStreamSource(stream) };
  }
}

async function nodeIn(context) {
  await context.audioWorklet.addModule(new URL("worker-recorder.js", import.meta.url));
  return new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0, channelCount: 1 });
}
