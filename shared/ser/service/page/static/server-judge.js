// Judging by the server: POST /predict with a time line, line by line.

import { Problem, json, request } from "./service.js";

/** Yield the segments of a sound as the server computes them, and the whole answer as the last. */
export async function* judge(file, model, grid, profile, signal) {
  const response = await request("/predict", {
    method: "POST",
    body: form(file, model, { timeline: `${grid.window},${grid.step}`, ...profiles(profile) }),
    headers: { Accept: "application/x-ndjson" },
    signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let isWhole = false;
  for (;;) {
    const { value, done } = await reader.read();
    text += value ?? "";
    const lines = text.split("\n");
    text = lines.pop();
    for (const line of lines.filter(Boolean)) {
      const found = JSON.parse(line);
      if ("status" in found && "title" in found) throw new Problem(found.status, found);
      isWhole = "model_id" in found;
      yield found;
    }
    if (done && isWhole) return;
    if (done) throw new Error("The answer of the server ended early; try again.");
  }
}

/** Return the profile of a voice, extended by a sound of it. */
export async function enrol(file, model, profile) {
  const body = form(file, model, profiles(profile));
  body.append("enrolment", file, file.name);
  return (await json("/predict", { method: "POST", body })).speaker_profile;
}

function form(file, model, fields) {
  const body = new FormData();
  body.append("model_id", model.model_id);
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("audio", file, file.name);
  return body;
}

function profiles(profile) {
  return profile ? { speaker_profile: JSON.stringify(profile) } : {};
}
