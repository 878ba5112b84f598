// Judging in this browser, in a worker, so that the page stays responsive.

import { headers } from "./service.js";

/** Runs models in a worker, one request after another. */
export class BrowserJudge {
  constructor(assets) {
    this.assets = assets;
    this.worker = null;
    this.waiting = new Map();
    this.number = 0;
  }

  /** Download a model unless it is there; `progress` gets the bytes so far. */
  async load(model, progress) {
    const url = `/models/${encodeURIComponent(model.model_id)}/model.onnx?inputs=required`;
    const values = { model_id: model.model_id, url, headers: headers() };
    for await (const part of this.ask("load", values)) progress(part.bytes, model.size);
  }

  /** Yield the segments of a signal as they are computed, and the whole answer as the last. */
  judge(signal, name, model, grid, profile) {
    return this.ask("judge", { signal, name, model_id: model.model_id, grid, profile });
  }

  /** Return the profile of a voice, extended by a signal of it. */
  async enrol(signal, model, profile) {
    let found;
    for await (const part of this.ask("enrol", { signal, model_id: model.model_id, profile })) {
      found = part;
    }
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
    const worker = new Worker(`${this.assets}/worker-judge.js`, { type: "module" });
    worker.onmessage = ({ data }) => this.waiting.get(data.number)?.(data);
    worker.onerror = (event) => {
      event.preventDefault();
      const error = `This browser cannot run models: ${event.message ?? "its worker does not start"}`;
      for (const tell of this.waiting.values()) tell({ error });
      this.worker = null;
    };
    return worker;
  }
}
