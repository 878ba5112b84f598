// Models and aliases of the registry.

import { date, element, figure, megabytes } from "./elements.js";
import { addressOf, allModels, connectKeyButton, json, key, request } from "./service.js";

const find = (selector) => document.querySelector(selector);
const chosen = new Set();

connectKeyButton();
try {
  const [models, { aliases }] = await Promise.all([allModels(), json("aliases")]);
  find("#models").replaceChildren(...models.map(row));
  find("#aliases").replaceChildren(...(aliases.length ? aliases.map(history) : [none()]));
} catch (error) {
  fail(error);
}

function row(model) {
  const { model_id: id, figures } = model;
  const box = element("input", { type: "checkbox", "aria-label": `Compare ${id}` });
  box.addEventListener("change", () => compare(id, box));
  const badges = model.aliases.map((alias) => element("span", { class: "badge" }, alias));
  return element(
    "tr",
    {},
    element("td", {}, box),
    element("td", {}, element("code", {}, id), " ", badges),
    element("td", { class: "date" }, date(model.created)),
    element("td", {}, model.corpora.join(", ") || "–"),
    element("td", {}, model.preset ?? "–"),
    element("td", { class: "number" }, figure(figures.uar)),
    element("td", { class: "number" }, figure(figures.loso_uar)),
    element("td", {}, report(id)),
  );
}

/** Return the link to a report. A link sends no key, so if there is one the report is saved as a file. */
function report(id) {
  const path = addressOf(id, "report");
  const link = element("a", { href: path, "aria-label": `Report of ${id}` }, "Report");
  link.addEventListener("click", async (event) => {
    if (!key()) return;
    event.preventDefault();
    try {
      const page = await (await request(path)).blob();
      const saved = element("a", { href: URL.createObjectURL(page), download: `${id}.html` });
      saved.click();
      setTimeout(() => URL.revokeObjectURL(saved.href), 1000);
    } catch (error) {
      fail(error);
    }
  });
  return link;
}

async function compare(id, box) {
  if (box.checked) chosen.add(id);
  else chosen.delete(id);
  if (chosen.size > 2) {
    // The one that was selected first makes room.
    const [first] = chosen;
    chosen.delete(first);
    find(`[aria-label="Compare ${CSS.escape(first)}"]`).checked = false;
  }
  find("#comparison").hidden = chosen.size < 2;
  if (chosen.size < 2) return;
  try {
    show(await Promise.all([...chosen].map((each) => json(addressOf(each)))));
  } catch (error) {
    fail(error);
  }
}

function show(models) {
  const recalls = (model, emotion) => {
    const label = model.labels[model.emotions.indexOf(emotion)];
    const found = model.metrics?.per_class?.[label] ?? model.metrics?.per_class?.[label?.split(" - ")[0]];
    return figure(typeof found === "object" ? found?.recall : found);
  };
  const emotions = [...new Set(models.flatMap((model) => model.emotions))].sort();
  const facts = [
    ["Published", (model) => date(model.created)],
    ["Aliases", (model) => model.aliases.join(", ") || "–"],
    ["Trained on", (model) => model.corpora.join(", ") || "–"],
    ["Preset", (model) => model.preset ?? "–"],
    ["Classifier", (model) => model.model_type ?? "–"],
    ["Recall, held-out utterances", (model) => figure(model.figures.uar)],
    ["Recall, speakers left out", (model) => figure(model.figures.loso_uar)],
    ...emotions.map((emotion) => [`Recall of ${emotion}, held-out utterances`, (model) => recalls(model, emotion)]),
    ["Size", (model) => megabytes(model.size)],
    ["Trained with", (model) => model.versions.ser ? `ser ${model.versions.ser}` : "an unknown version of ser"],
    ["Remarks", (model) => model.notes.join(" ") || "–"],
  ];
  find("#compared").replaceChildren(
    element(
      "tr",
      {},
      element("td", {}),
      models.map((model) => element("th", { scope: "col" }, element("code", {}, model.model_id))),
    ),
  );
  find("#facts").replaceChildren(
    ...facts.map(([name, value]) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, name),
        models.map((model) => element("td", {}, value(model))),
      ),
    ),
  );
}

function history({ alias, model_id: id, history: moves }) {
  const rows = [...moves].reverse().map((move) =>
    element(
      "li",
      {},
      element("code", {}, move.model_id),
      ` since ${date(move.moved_at)}${move.action === "rollback" ? " (rolled back)" : ""}`,
    ),
  );
  return element(
    "details",
    {},
    element("summary", {}, element("strong", {}, alias), " points at ", element("code", {}, id)),
    element("ol", {}, rows),
  );
}

function none() {
  return element("p", { class: "hint" }, "There are no aliases yet. The first training creates the alias latest.");
}

function fail(error) {
  find("#error").textContent = error.message;
  find("#error").hidden = false;
}
