// Voices: speaker profiles that this browser keeps. A server stores none.

const PLACE = "ser-voices";

/** Return the voices, by name. */
export function voices() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

/** Return the profile of a voice; null if there is none of this name. */
export function voice(name) {
  const all = voices();
  // Names are those of users, who may choose that of a property of all objects.
  return Object.hasOwn(all, name) ? all[name] : null;
}

export function keep(name, profile) {
  write({ ...voices(), [name]: profile });
}

export function forget(name) {
  const { [name]: _, ...others } = voices();
  write(others);
}

function write(all) {
  localStorage.setItem(PLACE, JSON.stringify(all));
}

/** Return the numbers of a profile: base64 of float32, little endian. */
export function numbers(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function stored(values) {
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** Return the profile of one sound from its features: rows one after another. */
export function profileOf(frontEnd, features, count) {
  const rows = features.length / count;
  const mean = new Float64Array(count);
  const square = new Float64Array(count);
  features.forEach((value, n) => (mean[n % count] += value / rows));
  features.forEach((value, n) => (square[n % count] += (value - mean[n % count]) ** 2 / rows));
  return { front_end: frontEnd, count: 1, mean: stored(mean), deviation: stored(square.map(Math.sqrt)) };
}

/** Return one profile of the sounds of both, each sound with the same weight. */
export function pooled(one, other) {
  if (!one || one.front_end !== other.front_end) return other;
  const total = one.count + other.count;
  const [m, n, d, e] = [one.mean, other.mean, one.deviation, other.deviation].map(numbers);
  const mean = Float64Array.from(m, (value, i) => (one.count * value + other.count * n[i]) / total);
  const deviation = Float64Array.from(mean, (value, i) =>
    Math.sqrt(
      (one.count * (d[i] ** 2 + (m[i] - value) ** 2) +
        other.count * (e[i] ** 2 + (n[i] - value) ** 2)) /
        total,
    ),
  );
  return { front_end: one.front_end, count: total, mean: stored(mean), deviation: stored(deviation) };
}
