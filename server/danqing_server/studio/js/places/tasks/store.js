/** The tasks that the filter finds, newest first, a page at a time. What changes meanwhile changes in its place. */

import { signal } from '@preact/signals';

import { api } from '../../api.js';
import { momentsOf } from '../../format.js';
import { onGone } from '../../gone.js';
import { onTask } from '../../live.js';
import { filterOf } from '../../ui/filter.js';
import { isOpen } from '../../ui/status.js';

/** @typedef {import('../../types/api.d.ts').TaskRow} Row */

/** What may be asked for, as the API and the address name it. */
export const FILTERS = /** @type {const} */ (['status', 'billed', 'partial', 'provider', 'model', 'user_id', 'project', 'code', 'from', 'to', 'q']);

const PAGE = 100;
const LOOKED = 50;
const LOOK_MS = 2_000;

export const rows = signal(/** @type {Row[]} */ ([]));
export const loading = signal(true);
export const wrong = signal(/** @type {unknown} */ (null));
/** How many there are, 10,000 at most; null while nobody knows. */
export const total = signal(/** @type {number | null} */ (null));
/** Those that came since, and wait to be let in. */
export const fresh = signal(/** @type {Row[]} */ ([]));
/** Whether more came than those. */
export const isMore = signal(false);
/** How far back was looked when time was over. */
export const searchedTo = signal(/** @type {string | null} */ (null));
export const cursor = signal(/** @type {string | null} */ (null));

let filter = /** @type {Record<string, string>} */ ({});
let round = 0;
let underWay = false;
let looking = 0;
let looked_ms = 0;

/** The filter that the address names. */
export const filterHere = () => filterOf(FILTERS);

/** @param {Record<string, string>} wanted */
export async function load(wanted) {
  const own = ++round;
  const before = JSON.stringify(filter);
  filter = momentsOf(wanted);
  const isOther = JSON.stringify(filter) !== before;
  if (isOther) total.value = null;
  loading.value = true;
  try {
    const found = await api.get('/tasks', { ...filter, limit: PAGE });
    if (own !== round) return;
    rows.value = found.tasks;
    fresh.value = [];
    isMore.value = false;
    total.value = wrong.value = null;
    goneOn(found);
    void count();
  } catch (error) {
    if (own !== round) return;
    wrong.value = error;
    if (isOther) rows.value = fresh.value = []; // what another filter found
    if (isOther) cursor.value = searchedTo.value = null;
  } finally {
    if (own === round) loading.value = false;
  }
}

/** @param {any} page */
function goneOn(page) {
  cursor.value = page.next_cursor;
  searchedTo.value = page.searched_to;
}

export async function count() {
  const own = round;
  const found = await api.get('/tasks', { ...filter, limit: 1, fields: 'id', count: true }).catch(() => null);
  if (found && own === round) total.value = found.total ?? null;
}

/** Ask for the next page; a search that ran out of time goes on. */
export async function more() {
  if (underWay || !cursor.value || loading.value) return;
  const own = round;
  underWay = true;
  try {
    const found = await api.get('/tasks', { ...filter, limit: PAGE, cursor: cursor.value });
    if (own !== round) return;
    rows.value = [...rows.value, ...found.tasks];
    goneOn(found);
  } catch (error) {
    if (own === round) wrong.value = error;
  } finally {
    underWay = false;
  }
}

/** Follow what happens; returns what ends that. */
export function follow() {
  const stops = [onTask(take), onGone(drop)];
  return () => {
    for (const stop of stops) stop();
    clearTimeout(looking);
    looking = 0;
  };
}

/** @param {any} task as the stream tells it, or a row */
function take(task) {
  const at = rows.value.findIndex((each) => each.id === task.id);
  const before = rows.value[at];
  if (!before) {
    const last = rows.value.at(-1);
    if (!cursor.value || !last || task.created_at >= last.created_at) lookSoon();
    return;
  }
  if (before.updated_at > task.updated_at) return;
  if (isOpen(before) && !isOpen(task) && task.billed === 'unknown') lookSoon(); // a row alone says what it may have cost
  const next = [...rows.value];
  next[at] = { ...before, ...('kept' in task ? task : rowPart(task, before)) };
  rows.value = next;
}

/**
 * What a whole task says of its row.
 *
 * @param {any} task
 * @param {Row} before
 */
function rowPart(task, before) {
  const { status, progress, priority, updated_at, started_at, completed_at, run_at, attempts, cost, billed, output } = task;
  const made = ['images', 'videos', 'audios', 'files'].flatMap((kind) => output?.[kind] ?? []);
  const told = { status, progress, priority, updated_at, started_at, completed_at, run_at, attempts, cost, billed };
  return {
    ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)),
    kept: made.length,
    missing: (output?.errors ?? []).length,
    error_code: task.error?.code ?? null,
    in_doubt: billed === 'no' || billed === 'yes' ? [] : before.in_doubt,
    url: made[0]?.url ?? before.url,
  };
}

/** Look for what the filter finds by now that is not shown: at once, but not again and again. */
function lookSoon() {
  looking ||= setTimeout(look, Math.max(200, looked_ms + LOOK_MS - performance.now()));
}

async function look() {
  const own = round;
  looked_ms = performance.now();
  const found = await api.get('/tasks', { ...filter, limit: LOOKED }).catch(() => null);
  looking = 0;
  if (!found || own !== round) return;
  const known = new Set(rows.value.map((each) => each.id));
  for (const each of found.tasks) if (known.has(each.id)) take(each);
  const last = cursor.value && rows.value.at(-1)?.created_at;
  const unknown = found.tasks.filter((/** @type {Row} */ each) => !known.has(each.id) && (!last || each.created_at >= last));
  isMore.value = !!found.next_cursor && unknown.length === found.tasks.length;
  fresh.value = unknown;
}

/** Show those that came since, each in its place; if there are more of them than are known, all is asked for anew. */
export function letIn() {
  if (isMore.value) return void load(filter);
  const all = [...fresh.value, ...rows.value];
  rows.value = all.sort((one, other) => (one.created_at === other.created_at ? Number(other.id > one.id) * 2 - 1 : other.created_at > one.created_at ? 1 : -1));
  fresh.value = [];
  void count();
}

/** Show these no longer. @param {string[]} gone */
function drop(gone) {
  const ids = new Set(gone);
  rows.value = rows.value.filter((each) => !ids.has(each.id));
  fresh.value = fresh.value.filter((each) => !ids.has(each.id));
  void count();
}
