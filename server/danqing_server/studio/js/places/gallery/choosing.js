/** Which pictures are chosen, and where one stands among all. */

import { signal } from '@preact/signals';

import { ids, places } from '../../pictures/store.js';

/** @type {import('@preact/signals').Signal<Set<string>>} */
export const chosen = signal(new Set());
/** Whether a click chooses instead of opening. */
export const choosing = signal(false);
/** @type {import('@preact/signals').Signal<string | null>} the picture that has, or had, the focus */
export const here = signal(null);

/** @type {string | null} where a range begins */
let anchor = null;

/** The chosen in the order of the gallery. */
export const chosenInOrder = () => [...chosen.value].sort((one, two) => (places.value.get(one) ?? 0) - (places.value.get(two) ?? 0));

/** @param {string} id */
export function toggle(id) {
  const next = new Set(chosen.value);
  if (!next.delete(id)) next.add(id);
  anchor = id;
  chosen.value = next;
  choosing.value = next.size > 0 || choosing.value;
}

/** Choose all between where the last was chosen and *id*. @param {string} id */
export function extend(id) {
  const from = places.value.get(anchor ?? here.value ?? id) ?? 0;
  const to = places.value.get(id) ?? from;
  anchor ??= ids.value[from] ?? id;
  const range = ids.value.slice(Math.min(from, to), Math.max(from, to) + 1);
  chosen.value = new Set([...chosen.value, ...range]);
  choosing.value = true;
}

export function chooseAll() {
  chosen.value = new Set(ids.value);
  choosing.value = true;
}

export function chooseNone() {
  chosen.value = new Set();
  choosing.value = false;
  anchor = null;
}

/** What a command is about: the chosen, else the one here, as long as it is among those that are shown. */
export const meant = () => (chosen.value.size ? chosenInOrder() : here.value && places.value.has(here.value) ? [here.value] : []);
