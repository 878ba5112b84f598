// The API, as /openapi.json describes it.

import { element } from "./elements.js";
import { save } from "./exports.js";
import { address, connectKeyButton, json } from "./service.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const DEPTH = 3;
const find = (selector) => document.querySelector(selector);
let document_ = null;

connectKeyButton();
find("#search").addEventListener("input", filter);
find("#document").addEventListener("click", (event) => {
  // The server may require a key for it, which a link does not send.
  if (!document_) return;
  event.preventDefault();
  save("openapi.json", "application/json", `${JSON.stringify(document_, null, 2)}\n`);
});
try {
  document_ = await json("openapi.json");
  const { title, version, description } = document_.info;
  find("#about").textContent = `${title} ${version} at ${address("")}. ${description ?? ""}`;
  find("#operations").replaceChildren(...groups());
  const wanted = location.hash && document.getElementById(location.hash.slice(1));
  if (wanted) wanted.open = true;
} catch (error) {
  find("#error").textContent = error.message;
  find("#error").hidden = false;
}

function groups() {
  const found = new Map(document_.tags.map(({ name, description }) => [name, { description, all: [] }]));
  for (const [path, item] of Object.entries(document_.paths)) {
    for (const method of METHODS.filter((each) => each in item)) {
      found.get(item[method].tags[0]).all.push(operation(method, path, item[method]));
    }
  }
  return [...found].map(([name, { description, all }]) =>
    element(
      "section",
      { "aria-labelledby": `tag-${name}` },
      element("h2", { id: `tag-${name}` }, name),
      element("p", { class: "hint" }, description ?? ""),
      all,
    ),
  );
}

function operation(method, path, described) {
  const parameters = (described.parameters ?? []).map(followed);
  return element(
    "details",
    { class: "operation", id: described.operationId },
    element(
      "summary",
      {},
      element("span", { class: "method" }, method.toUpperCase()),
      element("code", {}, path),
      element("span", {}, described.summary ?? ""),
    ),
    element(
      "div",
      {},
      text(described.description),
      parameters.length ? [element("h3", {}, "Parameters"), table(parameters.map(parameterRow))] : [],
      body(described.requestBody),
      element("h3", {}, "Answers"),
      Object.entries(described.responses).map(([status, response]) => answer(status, followed(response))),
    ),
  );
}

function parameterRow({ name, in: place, required, schema, description }) {
  return row(name, `${place}${required ? ", required" : ""}`, typeOf(schema), description);
}

function body(requestBody) {
  if (!requestBody) return [];
  const { description, content } = followed(requestBody);
  return [
    element("h3", {}, "Body"),
    text(description),
    element("p", {}, Object.keys(content).map((type) => element("span", { class: "badge" }, type))),
    contents(content),
  ];
}

function answer(status, { description, content }) {
  return element(
    "details",
    {},
    element("summary", {}, element("code", {}, status), ` ${description ?? ""}`),
    content
      ? element("p", {}, Object.keys(content).map((type) => element("span", { class: "badge" }, type)))
      : [],
    content ? contents(content) : [],
  );
}

/** Return the fields and the example of the first form that has fields. */
function contents(content) {
  const form = Object.values(content).find(({ schema }) => followed(schema ?? {}).properties);
  const example = Object.values(content).find((each) => each.example !== undefined)?.example;
  return [
    form ? fields(followed(form.schema), DEPTH) : [],
    example === undefined
      ? []
      : [element("h4", {}, "Example"), element("pre", { tabindex: "0" }, JSON.stringify(example, null, 2))],
  ];
}

function fields(schema, depth) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties).flatMap(([name, property]) => {
    const inner = depth > 1 ? objectIn(property) : null;
    const note = required.has(name) ? "required" : "";
    return [
      row(name, note, typeOf(property), property.description ?? followed(property).description),
      ...(inner ? [element("tr", {}, element("td", { colspan: "4" }, fields(inner, depth - 1)))] : []),
    ];
  });
  return table(rows);
}

function objectIn(schema) {
  const found = followed(schema);
  if (found.properties) return found;
  const inner = [found.items, ...(found.anyOf ?? []), ...(found.oneOf ?? [])].filter(Boolean);
  return inner.map(objectIn).find(Boolean) ?? null;
}

function table(rows) {
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Fields" }, element("table", {}, element("tbody", {}, rows)));
}

function row(name, note, type, description) {
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, element("code", {}, name)),
    element("td", {}, note),
    element("td", {}, type),
    element("td", {}, withCode(description ?? "")),
  );
}

/** Return a schema in a few words: string, 0.25 to 30; list of numbers. */
function typeOf(schema = {}) {
  const found = followed(schema);
  const choices = found.anyOf ?? found.oneOf;
  if (choices) return [...new Set(choices.map(typeOf))].join(" or ");
  if (found.enum) return found.enum.map((each) => JSON.stringify(each)).join(", ");
  if ("const" in found) return JSON.stringify(found.const);
  const name = [found.type ?? "anything"].flat().join(" or ");
  if (name === "array") return `list of ${typeOf(found.items)}`;
  const limits = [
    found.minimum !== undefined && `from ${found.minimum}`,
    found.maximum !== undefined && `to ${found.maximum}`,
    found.default !== undefined && found.default !== null && `default ${JSON.stringify(found.default)}`,
    found.format,
  ].filter(Boolean);
  return [name, ...limits].join(", ");
}

/** Return what a reference refers to. */
function followed(value) {
  if (!value.$ref) return value;
  return value.$ref
    .slice(2)
    .split("/")
    .reduce((found, name) => found[name.replaceAll("~1", "/")], document_);
}

function text(value) {
  return value ? element("p", {}, withCode(value)) : [];
}

/** Return the parts of a description, in which backquotes enclose code. */
function withCode(value) {
  return value.split("`").map((part, n) => (n % 2 ? element("code", {}, part) : part));
}

function filter() {
  const wanted = find("#search").value.trim().toLowerCase();
  for (const each of document.querySelectorAll(".operation")) {
    each.hidden = Boolean(wanted) && !each.textContent.toLowerCase().includes(wanted);
  }
}
