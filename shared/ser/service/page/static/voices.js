// Voices: speaker profiles that this browser keeps. A server stores none.

import { pooled } from "./profiles.js";
import { lasting } from "./storage.js";

const PLACE = "ser-voices";

/** Return the voices, by name. */
export function voices() {
  try {
    return JSON.parse(lasting.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

/** Return the profile of a voice; null if there is none of this name. */
export function voice(name) {
  const all = voices();
  // Names are those of users, who may choose that of a property of all objects.
  return Object.hasOwn(all, name) ? all[name] : null;
}

/** Extend the voice of this name by the profile of a sound; return the number of its sounds. */
export function extend(name, profile) {
  const before = voice(name);
  if (before && before.front_end !== profile.front_end) {
    throw new Error(
      `${name} was enrolled with a model that has other features (another front-end). ` +
        "Use another name for this model, or forget the voice first.",
    );
  }
  const extended = before ? pooled(before, profile) : profile;
  write({ ...voices(), [name]: extended });
  return extended.count;
}

export function forget(name) {
  const { [name]: _, ...others } = voices();
  write(others);
}

function write(all) {
  lasting.setItem(PLACE, JSON.stringify(all));
}
