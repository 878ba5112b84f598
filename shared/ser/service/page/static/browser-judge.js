// Judging in this browser, in a worker, so that the page stays responsive.

import { addressOf, headers } from "./service.js";

/** Runs models in a worker, one request after another. */
export class BrowserJudge {
  constructor() {
    this.worker = null;
    this.waiting = new Map();
    this.number = 0;
  }

  /** Download a model unless it is there; `progress` gets the bytes so far. */
  async load(model, progress) {
    // Absolute, because the worker is in another folder than the page.
    const url = addressOf(model.model_id, "model.onnx?inputs=required");
    const values = { model_id: model.model_id, url, headers: headers() };
    for await (const part of this.ask("load", values)) progress(part.bytes, model.size);
  }

  /** Yield the segments of a signal as they are computed, and the whole answer as the last. */
  judge(signal, name, model, grid, profile) {
    return this.ask("judge", { signal, name, model_id: model.model_id, grid, profile });
  }

  /** Return the profile of the voice in a signal. */
  async enrol(signal, model) {
    let found;
    for await (const part of this.ask("enrol", { signal, model_id: model.model_id })) found = part;
    return found;
  }

  async *ask(task, values) {
    this.worker ??= this.start();
    const number = (this.number += 1);
    const parts = [];
    let wake;
    this.waiting.set(number, (part) => {
      parts.push(part);
      wake?.();
    });
    this.worker.postMessage({ number, task, ...values });
    let isDone = false;
    try {
      for (;;) {
        while (!parts.length) await new Promise((resolve) => (wake = resolve));
        const { value, done, error } = parts.shift();
        isDone = Boolean(done || error);
        if (error) throw new Error(error);
        if (done) return;
        yield value;
      }
    } finally {
      this.waiting.delete(number);
      if (!isDone) this.worker?.postMessage({ number, task: "forget" });
    }
  }

  start() {
    const worker = new Worker(new URL("worker-judge.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => this.waiting.get(data.number)?.(data);
    worker.onerror = (event) => {
      event.preventDefault();
      // A script that cannot be loaded has no message: it is missing once the server is updated.
      const error = event.message
        ? `This browser cannot run models: ${event.message}`
        : "The part of this page that runs models cannot be loaded. Reload the page.";
      for (const pass of this.waiting.values()) pass({ error });
      this.worker = null;
    };
    return worker;
  }
}
