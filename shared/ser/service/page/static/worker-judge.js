// Runs models with onnxruntime-web, whose WebAssembly gives the probabilities of the server.

import * as ort from "./ort.wasm.bundle.min.mjs";
import { answerOf } from "./answers.js";
import { propertiesOf } from "./onnx.js";
import { numbers, profileOf } from "./profiles.js";
import { noteOf, places, predictionOf, segmentOf, turnsOf } from "./timeline.js";

ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };
// More threads need memory that is shared, which browsers give only to isolated pages.
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const models = new Map();
const forgotten = new Set();
const tasks = { load, judge, enrol };
let last = Promise.resolve();

onmessage = ({ data }) => {
  if (data.task === "forget") forgotten.add(data.number);
  else last = last.then(() => run(data));
};

async function run({ number, task, ...values }) {
  try {
    for await (const value of tasks[task](values)) {
      postMessage({ number, value });
      // A turn of the loop, in which a message may end this task.
      await new Promise((resolve) => setTimeout(resolve));
      if (forgotten.has(number)) return;
    }
    postMessage({ number, done: true });
  } catch (error) {
    postMessage({ number, error: error.message });
  } finally {
    forgotten.delete(number);
  }
}

async function* load({ model_id, url, headers }) {
  if (models.has(model_id)) {
    // The one that is used last makes room last.
    const model = models.get(model_id);
    models.delete(model_id);
    models.set(model_id, model);
    return;
  }
  const response = await fetch(url, { headers }).catch(fail);
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail ?? `The server answered with status ${response.status}.`);
  }
  const parts = [];
  let bytes = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { value, done } = await reader.read().catch(fail);
    if (done) break;
    parts.push(value);
    bytes += value.length;
    yield { bytes };
  }
  const file = new Uint8Array(await new Blob(parts).arrayBuffer());
  const properties = propertiesOf(file);
  const session = await ort.InferenceSession.create(file, {
    // A published model is optimised already; to repeat that would take five times as long.
    graphOptimizationLevel: "disabled",
    executionProviders: ["wasm"],
  });
  const names = properties.labels.map(({ code, name }) => `${code} - ${name}`);
  // Two models are compared; more would fill the memory of a phone.
  if (models.size >= 2) {
    const [oldest] = models.keys();
    await models.get(oldest).session.release();
    models.delete(oldest);
  }
  models.set(model_id, { ...properties, model_id, session, names });
}

function fail() {
  throw new Error("The model cannot be downloaded. Check the connection, then try again.");
}

async function* judge({ signal, name, model_id, grid, profile }) {
  const model = modelOf(model_id);
  const segments = [];
  for (const place of places(signal.length, grid)) {
    const found = await outputs(model, signal.subarray(place.begin, place.end), profile);
    const segment = segmentOf(place, predictionOf(model, found), found.seconds);
    segments.push(segment);
    yield segment;
  }
  const whole = predictionOf(model, await outputs(model, signal, profile));
  yield answerOf(name, model, whole, segments, turnsOf(segments, grid), noteOf(grid));
}

async function* enrol({ signal, model_id }) {
  const model = modelOf(model_id);
  if (!model.session.inputNames.includes("speaker_count")) {
    throw new Error("This model cannot use voices: it takes no speaker profile.");
  }
  const { features, speech } = await model.session.run(inputs(model, signal), ["features", "speech"]);
  if (!speech.data[0]) throw new Error("The sound contains no speech. Use a recording of speech.");
  yield profileOf(model.front_end, features.data, model.feature_names.length);
}

function modelOf(model_id) {
  const model = models.get(model_id);
  if (!model) throw new Error(`The model ${model_id} is not loaded in this browser.`);
  return model;
}

/** Return the outputs of a model for a signal, as plain numbers. */
async function outputs(model, signal, profile) {
  const wanted = ["probabilities", "speech", "seconds", "familiarity"];
  const names = wanted.filter((name) => model.session.outputNames.includes(name));
  const found = await model.session.run(inputs(model, signal, profile), names);
  const plain = {
    probabilities: Array.from(found.probabilities.data),
    speech: Boolean(found.speech.data[0]),
    seconds: found.seconds ? found.seconds.data.reduce((sum, each) => sum + each, 0) : null,
    familiarity: found.familiarity ? found.familiarity.data[0] : null,
  };
  Object.values(found).forEach((tensor) => tensor.dispose());
  return plain;
}

/** Return the inputs of a model: without a profile, its inputs are zeros. */
function inputs(model, signal, profile = null) {
  if (profile && profile.front_end !== model.front_end) {
    throw new Error(
      "The voice was enrolled with a model that has other features (another front-end). " +
        "Enrol it with this model, under another name.",
    );
  }
  const features = model.feature_names.length;
  const columns = Object.values(model.metadata.values ?? {}).flat().length;
  const all = {
    waveform: tensor(signal, [signal.length]),
    metadata: tensor(new Float32Array(columns), [columns]),
    speaker_mean: tensor(profile ? numbers(profile.mean) : new Float32Array(features), [features]),
    speaker_deviation: tensor(
      profile ? numbers(profile.deviation) : new Float32Array(features),
      [features],
    ),
    speaker_count: tensor(Float32Array.of(profile?.count ?? 0), []),
    domain_mean: tensor(new Float32Array(features), [features]),
    domain_count: tensor(Float32Array.of(0), []),
  };
  return Object.fromEntries(model.session.inputNames.map((name) => [name, all[name]]));
}

function tensor(values, shape) {
  return new ort.Tensor("float32", values, shape);
}
