// Judging by the server: POST /predict with a time line, line by line.

import { Problem, json, request } from "./service.js";

const CUT = "The server's answer was cut off. Try again.";

/** Yield the segments of a sound as the server computes them, and the whole answer as the last. */
export async function* judge(file, model, grid, profile, signal) {
  const response = await request("predict", {
    method: "POST",
    body: form(file, model, {
      timeline: `${grid.window},${grid.step}`,
      ...(profile ? { speaker_profile: JSON.stringify(profile) } : {}),
    }),
    headers: { Accept: "application/x-ndjson" },
    signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let isWhole = false;
  for (;;) {
    const { value, done } = await reader.read().catch(() => {
      throw new Error(CUT);
    });
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
    if (done) throw new Error(CUT);
  }
}

/** Return the profile of the voice in a sound. */
export async function enrol(file, model) {
  const body = form(file, model, {});
  body.append("enrolment", file, file.name);
  return (await json("predict", { method: "POST", body })).speaker_profile;
}

function form(file, model, fields) {
  const body = new FormData();
  body.append("model_id", model.model_id);
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("audio", file, file.name);
  return body;
}
