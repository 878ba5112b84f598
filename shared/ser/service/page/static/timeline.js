// Time lines in the browser: the same windows, segments and turns as ser._segments computes, of
// which this is a second form. A test compares both.

export const RATE = 16_000;
const SHORTEST = 0.1;
const SHORTEST_SPEECH = 0.5;
const LEAST_SPEECH = 0.25;
const VALIDATED = 2;

/** Return the windows of a signal in samples; the last one may be shorter. */
export function places(samples, { window, step }) {
  const length = Math.round(window * RATE);
  const distance = Math.round(step * RATE);
  const found = [];
  for (let number = 0; ; number += 1) {
    const begin = number * distance;
    const covered = number ? begin - distance + length : 0;
    if (covered >= samples || samples - begin < SHORTEST * RATE) return found;
    found.push({ begin, end: Math.min(begin + length, samples) });
  }
}

/** Return the prediction that the outputs of a model mean. */
export function predictionOf(model, { probabilities, speech, seconds, familiarity }) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const label = speech ? model.labels[best] : null;
  return {
    prediction: label?.code ?? null,
    emotion: label?.emotion ?? null,
    probabilities: Object.fromEntries(model.names.map((name, i) => [name, probabilities[i]])),
    confidence: probabilities[best],
    speech,
    too_short: speech && seconds !== null && seconds < SHORTEST_SPEECH,
    familiarity,
    reason: speech ? null : "the sound contains no speech",
  };
}

/** Return the segment of a window. */
export function segmentOf(place, prediction, seconds) {
  const duration = (place.end - place.begin) / RATE;
  const speech = seconds === null ? Number(prediction.speech) : Math.min(1, seconds / duration);
  const isSpeech = prediction.speech && speech >= Math.min(LEAST_SPEECH, SHORTEST_SPEECH / duration);
  return {
    begin: place.begin / RATE,
    end: place.end / RATE,
    emotion: isSpeech ? prediction.emotion : null,
    label: isSpeech ? prediction.prediction : null,
    confidence: prediction.confidence,
    probabilities: prediction.probabilities,
    speech,
  };
}

/** Return neighbouring segments with one emotion, joined. */
export function turnsOf(segments, { window, step }) {
  const margin = Math.max(0, window - step) / 2;
  const found = [];
  let group = [];
  segments.forEach((segment, number) => {
    group.push(segment);
    const following = segments[number + 1];
    if (following && following.label === segment.label) return;
    if (segment.label !== null) {
      const begin = group[0].begin + (number + 1 === group.length ? 0 : margin);
      const end = following ? segment.begin + window - margin : segment.end;
      found.push({
        begin,
        end: Math.max(begin, end),
        emotion: segment.emotion,
        confidence: group.reduce((sum, each) => sum + each.confidence, 0) / group.length,
      });
    }
    group = [];
  });
  return found;
}

/** Return the reason why segments are less certain than whole sounds, if they are. */
export function noteOf({ window }) {
  if (window >= VALIDATED) return null;
  return (
    `A window of ${window} s is shorter than the utterances that models are validated on: below ` +
    `${VALIDATED} s they recognise fewer emotions.`
  );
}

/** Return the index of the segment for a time: the one with the middle of its window nearest. */
export function segmentAt(segments, time, { window, step }) {
  const index = Math.floor((time - (window - step) / 2) / step);
  return Math.max(0, Math.min(segments.length - 1, index));
}
