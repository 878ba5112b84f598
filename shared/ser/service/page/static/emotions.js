// The colour of each emotion. page.css has those of the usual ones, for light and dark.

const KNOWN = new Set([
  "anger",
  "boredom",
  "calm",
  "disgust",
  "fear",
  "happiness",
  "neutral",
  "sadness",
  "surprise",
]);

/** Return the colour of an emotion, as CSS; null is silence. */
export function colour(emotion) {
  if (emotion === null) return variable("--silence");
  const word = emotion.split(" (")[0];
  if (KNOWN.has(word)) return variable(`--${word}`);
  // Others have a hue by their letters, so that it is the same everywhere.
  const hue = [...word].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  return `hsl(${hue} 45% ${variable("--other-lightness")})`;
}

/** The inks by the colour of their ground: to measure one for each turn of a long sound is slow. */
const inks = new Map();

/** Return the colour of text on the colour of an emotion: that with the higher contrast (WCAG). */
export function ink(emotion) {
  const ground = colour(emotion);
  if (!inks.has(ground)) inks.set(ground, inkOn(ground));
  return inks.get(ground);
}

function inkOn(ground) {
  const probe = new OffscreenCanvas(1, 1).getContext("2d");
  probe.fillStyle = ground;
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue] = [...probe.getImageData(0, 0, 1, 1).data].map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#10141a" : "#ffffff";
}

/** Return a colour of page.css, as it is in the light or the dark. */
export function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
