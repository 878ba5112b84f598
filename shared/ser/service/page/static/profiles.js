// Speaker profiles: the same statistics as ser._speaker_profile computes, of which this is a second
// form. A test compares both.

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
