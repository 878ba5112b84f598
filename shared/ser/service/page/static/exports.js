// Forms in which an answer leaves the page: JSON, CSV, WebVTT, and the request as curl.

import { address } from "./service.js";

/** A text that a spreadsheet would run as a formula, as ser/_csv.py describes. */
const FORMULA = /^[=+\-@\t\r]./s;

/** Save text as a file. */
export function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Return the segments as CSV, with the columns that POST /predict gives them. */
export function csv(answer, emotions) {
  const names = [...emotions.keys()];
  const columns = ["begin", "end", "emotion", "label", "confidence", "speech"];
  const rows = answer.segments[0].map((each) => [
    ...columns.map((column) => each[column]),
    ...names.map((name) => each.probabilities[name]),
  ]);
  const head = [...columns, ...names.map((name) => emotions.get(name))];
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function cell(value) {
  if (value === null) return "";
  if (Number.isInteger(value)) return value.toFixed(1);
  const text = typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Return the turns as WebVTT. */
export function vtt(answer) {
  const cues = answer.turns[0].map(
    ({ begin, end, emotion, confidence }) =>
      `\n${timestamp(begin)} --> ${timestamp(end)}\n${cueText(emotion)} (${confidence.toFixed(2)})\n`,
  );
  return ["WEBVTT\n", ...cues].join("");
}

function timestamp(seconds) {
  const whole = Math.round(seconds * 1000);
  const part = (value, size) => String(Math.floor(value)).padStart(size, "0");
  const [h, m, s] = [whole / 3_600_000, (whole / 60_000) % 60, (whole / 1000) % 60];
  return `${part(h, 2)}:${part(m, 2)}:${part(s, 2)}.${part(whole % 1000, 3)}`;
}

/** Return a label as the text of a cue, in one line: an empty line would end the cue. */
function cueText(label) {
  const text = label.replace(/[\r\n]+/g, " ");
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Return the request as a command of a shell. A key is not part of it. */
export function curl(file, model, grid, profile, hasKey) {
  const name = file.name.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  const fields = [
    `audio=@"${name}"`,
    `model_id=${model.model_id}`,
    `timeline=${grid.window},${grid.step}`,
    ...(profile ? [`speaker_profile=${JSON.stringify(profile)}`] : []),
  ];
  return [
    `curl -s ${quoted(address("predict"))}`,
    ...(hasKey ? ['-H "Authorization: Bearer $SER_API_KEY"'] : []),
    ...fields.map((field) => `-F ${quoted(field)}`),
  ].join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
