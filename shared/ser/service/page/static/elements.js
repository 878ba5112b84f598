// Elements of HTML, made without parsing text as HTML.

/** Return an element with attributes and children, which are elements or texts. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Return a duration as people write it: 3.5 s, 1:05. */
export function seconds(value) {
  if (value < 60) return `${Number(value.toFixed(1))} s`;
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Return a share from 0 to 1 in percent. */
export function percent(value) {
  return `${Math.round(100 * value)} %`;
}

/** Return a number with its noun: 1 sound, 2 sounds. */
export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Return bytes in megabytes. */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Return a figure such as a recall; a dash if it is missing. */
export function figure(value) {
  return typeof value === "number" ? value.toFixed(3) : "–";
}

/** Return a time in the language of the browser. */
export function date(text) {
  return new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
