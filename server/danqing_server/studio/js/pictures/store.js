/**
 * The pictures of a filter: every id, newest first, and what is to be seen of those that were looked at.
 *
 * The first screen comes by itself and does not wait for all ids. What arrives later waits at the top until it is
 * asked for, so that nothing moves under the eye.
 */

import { computed, signal } from '@preact/signals';

import { api } from '../api.js';
import { momentsOf } from '../format.js';
import { onGone } from '../gone.js';
import { onTask } from '../live.js';

/** @typedef {import('../types/api.d.ts').Picture} Picture */
/** @typedef {Record<string, string>} Filter the members of the query that say which pictures are meant */

export const FILTERS = /** @type {const} */ (['q', 'model', 'user_id', 'kind', 'size', 'starred', 'from', 'to']);
const FIRST = 60;
const AT_ONCE = 100;
const MOST_IDS = 100_000;
const MOST_SEEN = 3_000;
const PAUSE_MS = 100;
const CALM_MS = 600;

/** @type {import('@preact/signals').Signal<string[]>} every id so far, newest first */
export const ids = signal([]);
/** @type {import('@preact/signals').Signal<'loading' | 'listing' | 'ready'>} `listing`: the first are there */
export const state = signal('loading');
/** @type {import('@preact/signals').Signal<unknown>} */
export const wrong = signal(null);
/** @type {import('@preact/signals').Signal<string[]>} what came since, and is not in `ids` yet */
export const fresh = signal([]);
/** Whether more came than those. */
export const isMore = signal(false);
/** @type {import('@preact/signals').Signal<boolean>} whether there are more than are listed */
export const isCut = signal(false);
/** Counts changes of what is known of pictures. */
export const seen = signal(0);

/** @type {Map<string, Picture>} */
const rows = new Map();
/** @type {Set<string>} */
const hidden = new Set();
/** @type {Filter} */
let filter = {};
/** As the address says it. @type {Filter} */
let wished = {};
let loadedKey = '';
/** Which filter found `ids`. */
let foundKey = '';
let turn = 0;

export const places = computed(() => new Map(ids.value.map((id, place) => [id, place])));

/** @param {string} id @returns {Picture | undefined} */
export const rowOf = (id) => rows.get(id);

/**
 * Have the pictures of *wanted* at hand; nothing happens when they are.
 *
 * @param {Filter} wanted
 * @param {{ again?: boolean }} [options]
 */
export async function load(wanted, { again = false } = {}) {
  const key = JSON.stringify(FILTERS.map((name) => wanted[name] ?? ''));
  if (key === loadedKey && !again) return;
  loadedKey = key;
  wished = wanted;
  filter = momentsOf(wanted);
  const mine = ++turn;
  state.value = 'loading';
  wrong.value = null;
  fresh.value = [];
  isMore.value = false;
  try {
    const page = await api.get('/pictures', { ...filter, limit: FIRST });
    if (mine !== turn) return;
    foundKey = key;
    keep(page.pictures);
    ids.value = shown(page.pictures.map((/** @type {Picture} */ each) => each.id));
    state.value = page.next_cursor ? 'listing' : 'ready';
    isCut.value = false;
    if (page.next_cursor) await listAll(mine);
  } catch (error) {
    if (mine !== turn) return;
    wrong.value = error;
    if (foundKey !== key) ids.value = []; // what another filter found is not what this one does
    loadedKey = '';
    state.value = 'ready';
  }
}

/** @param {number} mine */
async function listAll(mine) {
  /** @type {string[]} */
  let all = [];
  let cursor = null;
  do {
    const page = await api.get('/pictures/index', { ...filter, cursor });
    if (mine !== turn) return;
    all = all.concat(page.ids);
    cursor = page.next_cursor;
    if (all.length >= ids.value.length) ids.value = shown(all);
  } while (cursor && all.length <= MOST_IDS);
  isCut.value = !!cursor;
  state.value = 'ready';
}

/** @param {string[]} found */
const shown = (found) => (hidden.size ? found.filter((id) => !hidden.has(id)) : found);

/** @param {Picture[]} pictures */
function keep(pictures) {
  for (const each of pictures) {
    rows.delete(each.id);
    rows.set(each.id, each);
  }
  for (const id of rows.keys()) {
    if (rows.size <= MOST_SEEN) break;
    rows.delete(id);
  }
  seen.value++;
}

/** @type {string[]} */
let wanted = [];
let timer = 0;
let asking = 0;

/**
 * See to it that what is to be seen of *pictures* comes; what was asked for before and is not begun is dropped.
 *
 * @param {string[]} pictures
 */
export function want(pictures) {
  wanted = pictures.filter((id) => !rows.has(id));
  if (wanted.length && !timer && asking < 2) timer = setTimeout(ask, PAUSE_MS);
}

async function ask() {
  timer = 0;
  const now = wanted.slice(0, AT_ONCE);
  wanted = wanted.slice(AT_ONCE);
  if (!now.length) return;
  asking++;
  try {
    await fetchRows(now);
  } catch (error) {
    wrong.value = error;
    wanted = [];
  } finally {
    asking--;
    if (wanted.length && !timer) timer = setTimeout(ask, 0);
  }
}

/** @param {string[]} now */
async function fetchRows(now) {
  const page = await api.get('/pictures', { ids: now.join(',') });
  keep(page.pictures);
  const gone = now.filter((id) => !rows.has(id));
  if (gone.length) drop(gone);
}

/**
 * Return what is to be seen of a picture; null when it is not there.
 *
 * @param {string} id
 */
export async function rowFor(id) {
  if (!rows.has(id)) await fetchRows([id]);
  return rows.get(id) ?? null;
}

/** @param {string} id of a picture */
export const taskOf = (id) => id.slice(0, id.lastIndexOf('/'));

/** @param {string[]} gone */
function drop(gone) {
  const set = new Set(gone);
  ids.value = ids.value.filter((id) => !set.has(id));
  fresh.value = fresh.value.filter((id) => !set.has(id));
}

onGone((gone) => {
  const tasks = new Set(gone);
  drop([...rows.keys(), ...ids.value].filter((id) => tasks.has(taskOf(id))));
});

/** Leave *pictures* out for now; returns what puts them, or some of them, back where they were. @param {string[]} pictures */
export function hide(pictures) {
  for (const id of pictures) hidden.add(id);
  const before = ids.value;
  const mine = turn;
  drop(pictures);
  return (back = pictures) => {
    const set = new Set(back);
    for (const id of back) hidden.delete(id);
    if (mine !== turn) return void load(wished, { again: true }); // other pictures are shown by now: it may be among them
    const known = new Set(before);
    const since = ids.value.filter((id) => !known.has(id));
    const here = new Set(ids.value);
    ids.value = [...since, ...before.filter((id) => here.has(id) || set.has(id))];
  };
}

/** Change what is known of a picture. @param {string} id @param {Partial<Picture>} changes */
export function amend(id, changes) {
  const row = rows.get(id);
  if (!row) return;
  rows.set(id, { ...row, ...changes });
  seen.value++;
}

/** Let what came since be seen; if there is more of it than is known, all is asked for anew. */
export function letIn() {
  if (isMore.value) return void load(wished, { again: true });
  const here = new Set(ids.value);
  ids.value = [...fresh.value.filter((id) => !here.has(id)), ...ids.value];
  fresh.value = [];
}

let calm = 0;

/** Look what is new at the top; called once things calm down. */
async function lookAgain() {
  calm = 0;
  if (state.value === 'loading') return;
  const mine = turn;
  try {
    const page = await api.get('/pictures', { ...filter, limit: FIRST });
    if (mine !== turn) return;
    keep(page.pictures);
    const here = places.value;
    const found = page.pictures.map((/** @type {Picture} */ each) => each.id);
    isMore.value = !!page.next_cursor && found.every((/** @type {string} */ id) => !here.has(id) && !hidden.has(id));
    fresh.value = shown(found.filter((/** @type {string} */ id) => !here.has(id)));
  } catch {
    // the frame says that the server is away
  }
}

/** Follow what is painted while somebody looks; returns what ends it. */
export const follow = () =>
  onTask((task) => {
    const made = task.output ? (task.output.images?.length ?? 0) + (task.output.videos?.length ?? 0) + (task.output.audios?.length ?? 0) : task.kept;
    if (made && !calm) calm = setTimeout(lookAgain, CALM_MS);
  });
