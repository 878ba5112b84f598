// What the browser keeps for the page. Browsers may refuse that, and then this page keeps it alone.

/** Return a storage of the browser, or one that ends with this page. */
function storage(open) {
  try {
    return open();
  } catch {
    const kept = new Map();
    return {
      getItem: (name) => kept.get(name) ?? null,
      setItem: (name, text) => kept.set(name, text),
      removeItem: (name) => kept.delete(name),
    };
  }
}

/** For all visits. */
export const lasting = storage(() => localStorage);
/** Until the tab is closed. */
export const ofTab = storage(() => sessionStorage);
/** Whether `lasting` outlasts this page. */
export const isLasting = lasting instanceof Storage;
