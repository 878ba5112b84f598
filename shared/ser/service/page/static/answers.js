// Answers in the form of POST /predict, wherever the sound was judged.

/** Return the answer for one sound, as POST /predict gives it. */
export function answerOf(name, model, whole, segments, turns, note) {
  return {
    sample_name: [name],
    ground_truth: [null],
    speech: [whole.speech],
    too_short: [whole.too_short],
    prediction: [whole.prediction],
    probabilities: [whole.probabilities],
    emotions: [whole.emotion],
    confidence: [whole.confidence],
    familiarity: [whole.familiarity],
    reason: [whole.reason],
    segments: [segments],
    turns: [turns],
    timeline_note: [note],
    model_id: model.model_id,
  };
}

/** Return the emotion of each label of an answer, by the names of its probabilities. */
export function emotionsOf(model) {
  const shared = (emotion) => model.emotions.filter((each) => each === emotion).length > 1;
  return new Map(
    model.labels.map((name, n) => {
      const emotion = model.emotions[n] || name;
      return [name, shared(emotion) ? `${emotion} (${name.split(" - ")[0]})` : emotion];
    }),
  );
}
