/** Tasks that are deleted here: nothing shows them any more. */

/** @type {Set<(ids: string[]) => void>} */
const listeners = new Set();

/** Call *listener* with the ids of tasks that are deleted here; returns what ends that. @param {(ids: string[]) => void} listener */
export function onGone(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @param {string[]} ids of tasks that were deleted */
export function tellGone(ids) {
  for (const listener of listeners) listener(ids);
}
