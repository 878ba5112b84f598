// The waveform of a sound, coloured by the emotion of each segment.

import { colour, variable } from "./emotions.js";
import { segmentAt } from "./timeline.js";

const BAR = 3;
const GAP = 1;
/** The peaks that were drawn last: each new segment draws the same ones again. */
let drawn = { signal: null, count: 0, peaks: [] };

/** Draw `signal` on `canvas`; bars of segments that are not judged yet are grey. */
export function draw(canvas, signal, duration, segments, grid) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const count = Math.floor(width / (BAR + GAP));
  const peaks = peaksOf(signal, count);
  const most = Math.max(0.02, ...peaks);
  const waiting = variable("--waiting");
  const colours = new Map();
  for (let n = 0; n < count; n += 1) {
    const time = ((n + 0.5) / count) * duration;
    const index = segmentAt(segments, time, grid);
    const segment = segments[index];
    const isJudged = segment && time < segment.end + grid.step;
    const emotion = isJudged ? segment.emotion : undefined;
    if (!colours.has(emotion)) colours.set(emotion, isJudged ? colour(emotion) : waiting);
    context.fillStyle = colours.get(emotion);
    const tall = Math.max(2, (peaks[n] / most) * (height - 8));
    context.beginPath();
    context.roundRect(n * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
    context.fill();
  }
}

function peaksOf(signal, count) {
  if (drawn.signal !== signal || drawn.count !== count) {
    drawn = { signal, count, peaks: measured(signal, count) };
  }
  return drawn.peaks;
}

/** Return the highest magnitude in each of `count` parts; a low even value without a signal. */
function measured(signal, count) {
  if (!signal) return new Array(count).fill(0.01);
  return Array.from({ length: count }, (_, n) => {
    const end = Math.floor(((n + 1) * signal.length) / count);
    let most = 0;
    for (let at = Math.floor((n * signal.length) / count); at < end; at += 1) {
      most = Math.max(most, Math.abs(signal[at]));
    }
    return most;
  });
}
