// Requests to the server of this page, with a key if it requires one.

import { ofTab } from "./storage.js";

/** The address of the server, which may have a prefix. Assets are two folders below it. */
const ROOT = new URL("../../", import.meta.url);
const KEY = "ser-api-key";

/** A refusal: the problem document (RFC 9457) of the server. */
export class Problem extends Error {
  constructor(status, document) {
    const faults = (document.errors ?? []).map(({ loc, msg }) => `${loc.join(".")}: ${msg}`);
    super([document.detail ?? document.title, ...faults.slice(0, 3)].filter(unique).join(" "));
    this.status = status;
  }
}

function unique(text, index, all) {
  return text && !all.slice(0, index).some((each) => each.includes(text));
}

/** Return the address of a path of the server. */
export function address(path) {
  return new URL(path, ROOT).href;
}

/** Return the address of a part of a model: its details, or a file such as report. */
export function addressOf(modelId, part = "") {
  return address(`models/${encodeURIComponent(modelId)}${part && `/${part}`}`);
}

/** The key of this tab; null without one. It is forgotten when the tab is closed. */
export function key() {
  return ofTab.getItem(KEY);
}

/** Ask for a key in the dialog of the document; return whether the user has given one. */
export function askForKey(reason = "") {
  const dialog = document.querySelector("#key-dialog");
  const field = dialog.querySelector("input");
  dialog.querySelector("[data-reason]").textContent = reason;
  field.value = key() ?? "";
  dialog.returnValue = "cancel";
  // No submit button: Enter would press the first of them.
  dialog.querySelector("[data-cancel]").onclick = () => dialog.close("cancel");
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const given = dialog.returnValue === "use";
        if (given && field.value.trim()) ofTab.setItem(KEY, field.value.trim());
        else if (given) ofTab.removeItem(KEY);
        field.value = "";
        showKey();
        resolve(given);
      },
      { once: true },
    );
  });
}

/** Let the button of the document open the dialog, and show whether there is a key. */
export function connectKeyButton() {
  document.querySelector("#key").addEventListener("click", async () => {
    if (await askForKey()) location.reload();
  });
  showKey();
}

function showKey() {
  document.querySelector("#key").textContent = key() ? "Key set" : "Key";
}

/** Return the headers of a request, with the key if there is one. */
export function headers(others = {}) {
  return key() ? { ...others, Authorization: `Bearer ${key()}` } : others;
}

let asking = null;

/** Return the response to a request; throw a Problem for a refusal. Ask for a key if need be. */
export async function request(path, options = {}) {
  for (;;) {
    const used = key();
    const response = await fetch(address(path), {
      cache: "no-store",
      ...options,
      headers: headers(options.headers),
    }).catch((error) => {
      if (options.signal?.aborted) throw error;
      throw new Error("The server cannot be reached. Check the connection, then reload the page.");
    });
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status !== 401) throw problem;
    // Several requests may be refused at once, and a key may have been given meanwhile.
    if (key() !== used) continue;
    asking ??= askForKey(problem.message).finally(() => (asking = null));
    if (!(await asking)) throw problem;
  }
}

async function problemOf(response) {
  try {
    return new Problem(response.status, await response.json());
  } catch {
    return new Problem(response.status, { detail: `The server answered with status ${response.status}.` });
  }
}

/** Return the JSON that the server answers. */
export async function json(path, options = {}) {
  const accepting = { Accept: "application/json", ...options.headers };
  return (await request(path, { ...options, headers: accepting })).json();
}

/** Return all models of the registry, and the one that is part of the software. */
export async function allModels() {
  const found = [];
  let next = null;
  do {
    const before = next ? `&before=${encodeURIComponent(next)}` : "";
    const page = await json(`models?limit=100${before}`);
    found.push(...page.models);
    next = page.next;
  } while (next && found.length < 500);
  if (!found.some((model) => model.model_id === "ready")) found.push(await json(addressOf("ready")));
  return found;
}
