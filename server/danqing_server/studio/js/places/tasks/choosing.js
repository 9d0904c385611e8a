/** Which tasks are chosen: some by hand, or all that the filter finds; and the row that one is at. */

import { computed, signal } from '@preact/signals';

import { momentsOf } from '../../format.js';
import { t } from '../../i18n.js';
import { isForeign, oversees, ownProject } from '../../session.js';
import { notify } from '../../ui/announce.js';
import { filterHere, rows, total } from './store.js';

const MOST = 500;

/** @type {import('@preact/signals').Signal<Set<string>>} */
export const chosen = signal(new Set());
/** Whether all that the filter finds are meant, those that are not loaded among them. */
export const all = signal(false);
export const here = signal(/** @type {string | null} */ (null));

export const count = computed(() => (all.value ? (total.value ?? rows.value.length) : chosen.value.size));

/** @type {string | null} where a range begins */
let anchor = null;

const foreign = () => rows.value.filter((each) => isForeign(each.project)).map((each) => each.id);

/** @param {Iterable<string>} ids those of other projects can be read alone, and are left out */
function take(ids) {
  const next = new Set(ids);
  for (const id of foreign()) next.delete(id);
  if (next.size > MOST) notify(t('tasks.too_many', { most: MOST }), { kind: 'wrong' });
  else chosen.value = next;
  all.value = false;
}

/** @param {string} id */
export function toggle(id) {
  const next = new Set(all.value ? rows.value.slice(0, MOST).map((each) => each.id) : chosen.value);
  if (!next.delete(id)) next.add(id);
  anchor = id;
  take(next);
}

/** @param {string} id */
const placeOf = (id) => rows.value.findIndex((each) => each.id === id);

/** Choose all between where the last was chosen and *id*. @param {string} id */
export function extend(id) {
  anchor ??= here.value ?? id;
  const [from, to] = [placeOf(anchor), placeOf(id)].sort((one, other) => one - other);
  take([...chosen.value, ...rows.value.slice(Math.max(0, from ?? 0), (to ?? 0) + 1).map((each) => each.id)]);
}

/** Choose what the filter finds; without one, or where it finds other projects' too, what is shown: all at once are never meant. */
export function chooseAll() {
  const { project, ...rest } = filterHere();
  if (Object.keys(rest).length && (project ? project === ownProject() : !oversees())) {
    chosen.value = new Set();
    all.value = true;
  } else {
    take(rows.value.slice(0, MOST).map((each) => each.id));
  }
}

export function chooseNone() {
  chosen.value = new Set();
  all.value = false;
  anchor = null;
}

/** What is to be done is done to these, as the API takes it; null: none is chosen, nor is one at hand. */
export function meant() {
  const { status, project, ...rest } = momentsOf(filterHere());
  if (all.value) return { filter: status ? { ...rest, status: status.split(',') } : rest };
  const at = rows.value.find((each) => each.id === here.value); // what the filter no longer finds is not at hand
  const ids = chosen.value.size ? [...chosen.value] : at && !isForeign(at.project) ? [at.id] : [];
  return ids.length ? { ids } : null;
}
