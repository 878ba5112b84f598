// Sounds as models take them: mono, 16 kHz, from -1 to 1.

import { RATE } from "./timeline.js";

const SHORTEST = 0.1;
const LOUDEST = 10;
const CANCELLED = 0.5;
const EQUAL = 0.99;
const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/**
 * Return the signal in the bytes of a file, and whether the server reads the same samples.
 *
 * WAV at 16 kHz is read here, sample by sample as libsndfile reads it. Everything else is decoded
 * and resampled by the browser, whose filters differ from those of the server.
 */
export async function decode(bytes) {
  const wav = readWav(bytes);
  if (wav?.rate === RATE) return { signal: signalOf(wav.channels), isExact: true };
  const context = new OfflineAudioContext(1, 1, RATE);
  let sound;
  try {
    sound = await context.decodeAudioData(bytes.slice(0));
  } catch {
    throw new Error("This browser cannot decode the file. Try another format, or the server.");
  }
  const channels = Array.from({ length: sound.numberOfChannels }, (_, n) => sound.getChannelData(n));
  return { signal: signalOf(channels), isExact: false };
}

/** Return the signal of channels; throw the errors of the server (ser/sounds/_signals.py). */
function signalOf(channels) {
  let bad = 0;
  for (const channel of channels) for (const value of channel) bad += Number(!Number.isFinite(value));
  if (bad) throw new Error(`${bad} samples are NaN or infinite; allowed: finite samples`);
  const [{ length }] = channels;
  if (length < SHORTEST * RATE) {
    throw new Error(`the sound lasts ${short((1000 * length) / RATE, 6)} ms; allowed: at least 100 ms`);
  }
  const signal = mixed(channels);
  const peak = signal.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (!(peak <= LOUDEST)) {
    throw new Error(
      `the sound has a peak of ${short(peak, 3)} times full scale; allowed: at most ${LOUDEST} ` +
        "(samples as floats range from -1 to 1)",
    );
  }
  return signal;
}

/** Return a number with so many significant digits, and no zeros at its end. */
function short(value, digits) {
  return String(Number(value.toPrecision(digits)));
}

/** Return the average of channels; the strongest one if they cancel each other. */
export function mixed(channels) {
  if (channels.length === 1) return channels[0];
  const average = new Float32Array(channels[0].length);
  for (let n = 0; n < average.length; n += 1) {
    let sum = 0;
    for (const channel of channels) sum += channel[n];
    average[n] = sum / channels.length;
  }
  const energies = channels.map(energy);
  const independent = energies.reduce((sum, each) => sum + each, 0) / channels.length ** 2;
  if (energy(average) >= CANCELLED * independent) return average;
  const most = Math.max(...energies);
  return channels[energies.findIndex((each) => each >= EQUAL * most)];
}

function energy(samples) {
  let sum = 0;
  let squares = 0;
  for (const value of samples) {
    sum += value;
    squares += value * value;
  }
  return squares - (sum * sum) / Math.max(1, samples.length);
}

/** Return rate and channels of a WAV file of PCM or floats; null for everything else. */
export function readWav(bytes) {
  const view = new DataView(bytes);
  const name = (at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  if (view.byteLength < 44 || name(0) !== "RIFF" || name(8) !== "WAVE") return null;
  let format = null;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (name(at) === "fmt ") format = formatAt(view, start, size);
    if (name(at) === "data" && format) {
      // Without channels the number of frames would be infinite.
      if (!format.count || !format.bytes) return null;
      const end = Math.min(start + size, view.byteLength);
      const frames = Math.floor((end - start) / (format.count * format.bytes));
      const read = reader(view, format);
      if (!read) return null;
      const channels = Array.from({ length: format.count }, () => new Float32Array(frames));
      for (let frame = 0, place = start; frame < frames; frame += 1) {
        for (const channel of channels) {
          channel[frame] = read(place);
          place += format.bytes;
        }
      }
      return { rate: format.rate, channels };
    }
    at = start + size + (size % 2);
  }
  return null;
}

function formatAt(view, start, size) {
  const kind = view.getUint16(start, true);
  return {
    kind: kind === EXTENSIBLE && size >= 26 ? view.getUint16(start + 24, true) : kind,
    count: view.getUint16(start + 2, true),
    rate: view.getUint32(start + 4, true),
    bytes: view.getUint16(start + 14, true) / 8,
  };
}

function reader(view, { kind, bytes }) {
  if (kind === FLOAT && bytes === 4) return (at) => view.getFloat32(at, true);
  if (kind !== PCM) return null;
  if (bytes === 1) return (at) => (view.getUint8(at) - 128) / 128;
  if (bytes === 2) return (at) => view.getInt16(at, true) / 32_768;
  if (bytes === 4) return (at) => view.getInt32(at, true) / 2 ** 31;
  if (bytes === 3) {
    return (at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23;
  }
  return null;
}

/** Return mono samples as a WAV file of 16 bits. */
export function writeWav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((c, n) => view.setUint8(at + n, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, PCM, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, n) => {
    const whole = Math.round(Math.max(-1, Math.min(1, value)) * 32_768);
    view.setInt16(44 + 2 * n, Math.min(32_767, whole), true);
  });
  return view.buffer;
}
