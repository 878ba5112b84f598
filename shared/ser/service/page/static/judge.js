// The page that judges a sound and shows its emotions.

import { BrowserJudge } from "./browser-judge.js";
import { counted, element, figure, megabytes, percent, seconds } from "./elements.js";
import { csv, curl, save, vtt } from "./exports.js";
import { Player } from "./player.js";
import { record } from "./recorder.js";
import { Result, swatch } from "./results.js";
import * as server from "./server-judge.js";
import { addressOf, allModels, connectKeyButton, json, key, request } from "./service.js";
import { decode } from "./sounds.js";
import { isLasting, lasting } from "./storage.js";
import { RATE, segmentAt } from "./timeline.js";
import { extend, forget, voice, voices } from "./voices.js";
import { draw } from "./waveform.js";

const PLACE = "ser-place";
const { runtime } = document.body.dataset;
const find = (selector) => document.querySelector(selector);
const browser = new BrowserJudge();
const player = new Player(showPosition);
/** Details of models by id, and the aliases by name. */
const known = { models: new Map(), aliases: new Map() };
/** The sound, its results, the chosen time, and what ends the work on them. */
const state = {
  file: null,
  signal: null,
  isExact: true,
  problem: null,
  duration: 0,
  results: [],
  at: 0,
  wanted: null,
  work: null,
};
let stopRecording = null;
let isRefreshing = false;

connectKeyButton();
connectSound();
connectSettings();
connectTracks();
connectVoices();
showVoices();
/** Fulfilled once the models are known, for which sounds that are opened before wait. */
const models = fillModels();
models.then(showModel).catch(fail);

// The sound.

function connectSound() {
  const zone = find("#drop");
  const chooser = find("#file");
  find("#choose").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    if (chooser.files.length) open(chooser.files[0]);
    chooser.value = "";
  });
  find("#example").addEventListener("click", openExample);
  find("#record").addEventListener("click", toggleRecording);
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) open(file);
  });
}

async function openExample() {
  try {
    const response = await request(new URL("example.flac", import.meta.url), { cache: "default" });
    await open(new File([await response.blob()], "example.flac", { type: "audio/flac" }));
  } catch (error) {
    fail(error);
  }
}

async function toggleRecording() {
  const button = find("#record");
  if (stopRecording) {
    const stop = stopRecording;
    stopRecording = null;
    showRecording(false);
    const file = await stop();
    if (file.size > 44) await open(file);
    else fail(new Error("The microphone recorded nothing. Check that it is on and not muted."));
    return;
  }
  button.disabled = true;
  say("");
  try {
    stopRecording = await record((duration, level) => {
      find("#recorded").textContent = seconds(duration);
      find("#level").style.width = percent(level).replace(" ", "");
    });
    showRecording(true);
  } catch (error) {
    fail(error);
  } finally {
    button.disabled = false;
  }
}

function showRecording(isOn) {
  find("#record").setAttribute("aria-pressed", String(isOn));
  find("#record").querySelector("span").textContent = isOn ? "Stop" : "Record";
  find("#meter").hidden = !isOn;
}

async function open(file) {
  player.stop();
  state.work?.abort();
  Object.assign(state, { file, signal: null, problem: null, duration: 0, at: 0, wanted: null });
  find("#results").hidden = true;
  say(`Reading ${file.name} …`);
  const bytes = await file.arrayBuffer().catch(() => null);
  if (state.file !== file) return;
  if (!bytes) {
    state.file = null;
    fail(new Error(`${file.name} cannot be read. It may be a folder, or have been moved.`));
    return;
  }
  const sound = await decode(bytes).catch((problem) => ({ problem }));
  if (state.file !== file) return;
  Object.assign(state, sound);
  if (state.signal) {
    state.duration = state.signal.length / RATE;
    player.load(state.signal);
  }
  await judge();
  find("#results").scrollIntoView({ block: "nearest" });
}

// The models and other settings.

async function fillModels() {
  const [all, { aliases }] = await Promise.all([allModels(), json("aliases")]);
  all.forEach((model) => known.models.set(model.model_id, model));
  aliases.forEach(({ alias, model_id }) => known.aliases.set(alias, model_id));
  const options = () => [
    ...[...known.aliases].map(([alias, id]) => element("option", { value: id }, `${alias} (${id})`)),
    ...[...known.models.keys()].map((id) => element("option", { value: id }, nameOf(id))),
  ];
  find("#model").replaceChildren(...options());
  find("#other").replaceChildren(element("option", { value: "" }, "no other model"), ...options());
  find("#model").value =
    known.aliases.get("production") ?? known.aliases.get("latest") ?? "ready";
}

function nameOf(id) {
  return id === "ready" ? "ready (included)" : id;
}

async function detailsOf(id) {
  if (!known.models.get(id)?.labels) {
    known.models.set(id, await json(addressOf(id)));
  }
  return known.models.get(id);
}

async function showModel() {
  const model = await detailsOf(find("#model").value);
  const { uar, loso_uar: loso } = model.figures;
  const figures = [
    loso !== undefined && `${figure(loso)} for speakers left out of training`,
    uar !== undefined && `${figure(uar)} for held-out utterances`,
  ].filter(Boolean);
  find("#about-model").replaceChildren(
    `Trained on ${model.corpora.join(", ") || "an unknown corpus"}`,
    model.preset ? `, preset ${model.preset}` : "",
    figures.length ? `. Unweighted average recall: ${figures.join(", ")}.` : ".",
    ` It knows ${model.emotions.join(", ")}.`,
  );
  find("#browser-size").textContent = `${megabytes(model.size)}, and 4 MB for onnxruntime-web`;
}

function connectSettings() {
  const places = document.querySelectorAll("input[name=place]");
  const canRun = runtime === "yes" && "WebAssembly" in window;
  const wanted = lasting.getItem(PLACE) ?? "server";
  for (const each of places) {
    each.disabled = each.value === "browser" && !canRun;
    each.checked = each.value === (canRun ? wanted : "server");
    each.addEventListener("change", () => {
      lasting.setItem(PLACE, each.value);
      judge();
    });
  }
  find("#no-runtime").hidden = canRun;
  find("#model").addEventListener("change", () => {
    showModel().catch(fail);
    judge();
  });
  for (const id of ["#other", "#voice", "#window", "#step"]) {
    find(id).addEventListener("change", judge);
  }
}

function settings() {
  return {
    isLocal: find("input[name=place]:checked").value === "browser",
    ids: [find("#model").value, find("#other").value].filter(Boolean),
    grid: { window: Number(find("#window").value), step: Number(find("#step").value) },
    name: find("#voice").value,
  };
}

// Judging.

/** Judge the sound with the chosen models, unless that is done and nothing has changed. */
async function judge() {
  const { file } = state;
  if (!file) return;
  try {
    await models;
  } catch (error) {
    fail(error);
    return;
  }
  if (state.file !== file) return;
  const { isLocal, ids, grid, name } = settings();
  const profile = voice(name);
  const wanted = JSON.stringify([isLocal, ids, grid, profile]);
  if (state.wanted === wanted) return;
  state.wanted = wanted;
  state.work?.abort();
  const work = (state.work = new AbortController());
  if (![grid.window, grid.step].every((each) => each >= 0.25 && each <= 30)) {
    fail(new Error("The windows are out of range. Both fields take 0.25 to 30 seconds."));
    return;
  }
  if (isLocal && state.problem) {
    fail(state.problem);
    return;
  }
  say(`Judging ${file.name} …`);
  const begun = performance.now();
  try {
    const chosen = await Promise.all(ids.map(detailsOf));
    if (work.signal.aborted) return;
    show(chosen.map((model) => resultOf(model, { isLocal, grid, profile })));
    await Promise.all(state.results.map((result) => follow(result, isLocal, profile, work)));
    if (work.signal.aborted) return;
    const place = isLocal ? "This browser" : "The server";
    say(`${place} judged ${seconds(state.duration)} in ${seconds((performance.now() - begun) / 1000)}.`);
  } catch (error) {
    if (work.signal.aborted) return;
    state.wanted = null;
    fail(error);
  }
}

function resultOf(model, { isLocal, grid, profile }) {
  const names = [...known.aliases].filter(([, id]) => id === model.model_id).map(([name]) => name);
  const title = `${names[0] ?? model.model_id} · ${isLocal ? "this browser" : "the server"}`;
  const result = new Result(model, title, grid, state.duration || 1, (begin, end) => {
    choose(begin + (end - begin) / 2, false);
    player.play(begin, end);
  });
  const name = state.file.name.replace(/\.[^.]*$/, "");
  const action = (text, work) => {
    const attributes = { type: "button", class: "quiet", disabled: true, onclick: work };
    result.actions.append(element("button", attributes, text));
  };
  action("JSON", () =>
    save(`${name}.json`, "application/json", `${JSON.stringify(result.answer, null, 2)}\n`),
  );
  action("CSV", () => save(`${name}.csv`, "text/csv", csv(result.answer, result.emotions)));
  action("VTT", () => save(`${name}.vtt`, "text/vtt", vtt(result.answer)));
  action("Copy as curl", async () => {
    const command = curl(state.file, model, grid, profile, key() !== null);
    try {
      await navigator.clipboard.writeText(command);
      say("The command is on the clipboard.");
    } catch {
      // Browsers have no clipboard for pages over plain HTTP, or their users refuse it.
      result.showCommand(command);
      say("This browser does not let the page copy, so the command is shown below the answer.");
    }
  });
  return result;
}

/** Show the segments of a result as they arrive, and its answer at the end. */
async function follow(result, isLocal, profile, work) {
  const { file, signal } = state;
  try {
    if (isLocal) {
      await browser.load(result.model, (bytes, size) => result.showDownload(bytes, size));
    }
    const parts = isLocal
      ? browser.judge(signal, file.name, result.model, result.grid, profile)
      : server.judge(file, result.model, result.grid, profile, work.signal);
    for await (const part of parts) {
      if (work.signal.aborted) return;
      if ("model_id" in part) finish(result, part);
      else {
        result.add(part);
        refresh();
      }
    }
  } catch (error) {
    if (work.signal.aborted) return;
    result.fail(error.message);
    throw error;
  }
}

function finish(result, answer) {
  if (!state.duration) {
    // The browser cannot decode the file; the server has measured it.
    state.duration = result.duration = answer.segments[0].at(-1)?.end ?? 1;
  }
  result.finish(answer);
  result.actions.querySelectorAll("button").forEach((button) => (button.disabled = false));
  refresh();
  choose(state.at, false);
}

// The time line.

function show(results) {
  state.results = results;
  find("#results").hidden = false;
  find("#sound-name").textContent = state.file.name;
  find("#resampled").hidden = !settings().isLocal || state.isExact;
  find("#play").disabled = !state.signal;
  find("#tracks").replaceChildren(...results.map((result) => result.track));
  find("#cards").replaceChildren(...results.map((result) => result.card));
  find("#cards").classList.toggle("two", results.length > 1);
  refresh();
}

/** Draw everything again in the next frame. */
function refresh() {
  if (isRefreshing) return;
  isRefreshing = true;
  requestAnimationFrame(() => {
    isRefreshing = false;
    const [first] = state.results;
    if (!first) return;
    const duration = state.duration || 1;
    find("#sound-length").textContent = state.duration ? seconds(state.duration) : "";
    find("#scale").style.width = `max(100%, ${Math.round(duration * 8)}px)`;
    state.results.forEach((result) => (result.answer ? null : result.showProgress()));
    draw(find("#wave canvas"), state.signal, duration, first.segments, first.grid);
    showAxis(duration);
    showLegend();
  });
}

function showAxis(duration) {
  const width = find("#scale").clientWidth;
  const steps = [0.5, 1, 2, 5, 10, 15, 30, 60];
  const step = steps.find((each) => (each / duration) * width >= 64) ?? 120;
  const ticks = [];
  for (let time = 0; time <= duration - step / 3; time += step) {
    const tick = element("span", {}, seconds(time));
    tick.style.left = `${(100 * time) / duration}%`;
    ticks.push(tick);
  }
  find("#axis").replaceChildren(...ticks);
}

function showLegend() {
  const emotions = new Set(state.results.flatMap((result) => [...result.emotions.values()]));
  const items = [...emotions].map((emotion) => element("li", {}, swatch(emotion), emotion));
  items.push(element("li", {}, swatch(null), "little or no speech"));
  find("#legend").replaceChildren(...items);
}

function connectTracks() {
  const wave = find("#wave");
  wave.addEventListener("click", (event) => {
    const box = wave.getBoundingClientRect();
    choose(((event.clientX - box.left) / box.width) * state.duration, true);
  });
  wave.addEventListener("keydown", (event) => {
    const step = state.results[0]?.grid.step ?? 0.5;
    const moves = {
      ArrowRight: state.at + step,
      ArrowUp: state.at + step,
      ArrowLeft: state.at - step,
      ArrowDown: state.at - step,
      PageUp: state.at + 10,
      PageDown: state.at - 10,
      Home: 0,
      End: state.duration,
    };
    const plays = event.key === "Enter" || event.key === " ";
    if (!plays && !(event.key in moves)) return;
    event.preventDefault();
    choose(plays ? state.at : moves[event.key], plays);
  });
  find("#play").addEventListener("click", () => {
    if (player.isPlaying) player.stop();
    else player.play(0, state.duration);
  });
  new ResizeObserver(refresh).observe(find("#results"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    state.results.forEach((result) => result.answer && result.finish(result.answer));
    refresh();
  });
}

/** Choose the segment at a time, and play it if `plays`. */
function choose(time, plays) {
  state.at = Math.max(0, Math.min(state.duration, time));
  state.results.forEach((result) => {
    if (result.segments.length) result.show(result.segments[segmentAt(result.segments, state.at, result.grid)]);
  });
  const [first] = state.results;
  const segment = first?.segments[segmentAt(first.segments, state.at, first.grid)];
  const wave = find("#wave");
  wave.setAttribute("aria-valuemax", String(Math.round(state.duration * 10) / 10));
  wave.setAttribute("aria-valuenow", String(Math.round(state.at * 10) / 10));
  if (!segment) return;
  const { begin, end, emotion, confidence } = segment;
  wave.setAttribute(
    "aria-valuetext",
    `${seconds(begin)} to ${seconds(end)}: ${emotion ?? "no speech"}${emotion ? `, ${percent(confidence)}` : ""}`,
  );
  const chosen = find("#chosen");
  chosen.hidden = false;
  chosen.style.left = `${(100 * begin) / state.duration}%`;
  chosen.style.width = `${(100 * (Math.min(end, state.duration) - begin)) / state.duration}%`;
  if (plays) player.play(begin, end);
}

function showPosition(time) {
  const line = find("#position");
  line.hidden = time === null;
  if (time !== null) line.style.left = `${(100 * time) / state.duration}%`;
  find("#play").textContent = time === null ? "Play" : "Stop";
}

// Voices.

function connectVoices() {
  find("#enrol").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = find("#voice-name").value.trim();
    try {
      if (!state.signal && !state.problem) throw new Error("Record or choose a sound of this voice first.");
      await models;
      const { isLocal, ids } = settings();
      const model = await detailsOf(ids[0]);
      const profile = isLocal ? await enrolHere(model) : await server.enrol(state.file, model);
      const count = extend(name, profile);
      showVoices();
      find("#voice").value = name;
      await judge();
      say(`${name} is enrolled, with ${counted(count, "sound")}.`);
    } catch (error) {
      fail(error);
    }
  });
  find("#lost-voices").hidden = isLasting;
  // Another tab has enrolled or forgotten a voice.
  addEventListener("storage", () => {
    showVoices();
    judge();
  });
}

async function enrolHere(model) {
  if (state.problem) throw state.problem;
  await browser.load(model, () => {});
  return browser.enrol(state.signal, model);
}

function showVoices() {
  const all = Object.entries(voices());
  const chosen = find("#voice").value;
  find("#voice").replaceChildren(
    element("option", { value: "" }, "any voice"),
    ...all.map(([name]) => element("option", { value: name }, name)),
  );
  find("#voice").value = voice(chosen) ? chosen : "";
  find("#no-voices").hidden = all.length > 0;
  find("#voices").replaceChildren(
    ...all.map(([name, profile]) => {
      const remove = element("button", { type: "button", class: "quiet" }, "Forget");
      remove.setAttribute("aria-label", `Forget ${name}`);
      remove.addEventListener("click", async () => {
        const wasChosen = find("#voice").value === name;
        forget(name);
        showVoices();
        if (wasChosen) await judge();
      });
      const count = counted(profile.count, "sound");
      return element("li", {}, element("strong", {}, name), ` ${count} `, remove);
    }),
  );
}

// Messages.

function say(text) {
  find("#error").hidden = true;
  find("#status").textContent = text;
}

function fail(error) {
  find("#status").textContent = "";
  find("#error").textContent = error.message;
  find("#error").hidden = false;
}
