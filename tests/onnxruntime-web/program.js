// Runs the cases in the JSON file of the first argument: each the path of a model, and its inputs
// as arrays of numbers with their shapes. Prints the probabilities or the error of each.
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const cases = JSON.parse(readFileSync(process.argv[2], "utf8"));
const results = [];
for (const { model, inputs } of cases) {
  try {
    const session = await ort.InferenceSession.create(readFileSync(model));
    const feeds = {};
    for (const [name, { data, shape }] of Object.entries(inputs)) {
      feeds[name] = new ort.Tensor("float32", Float32Array.from(data), shape);
    }
    const { probabilities } = await session.run(feeds);
    results.push({ probabilities: Array.from(probabilities.data) });
  } catch (error) {
    results.push({ error: error.message });
  }
}
console.log(JSON.stringify(results));
