/** Asking the server for what a place shows, and having it do what a button says: what came, what is wrong, what is under way. */

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { api, ApiError } from '../api.js';

/**
 * Ask for something, again when *on* changes; old data stays while new is asked for.
 *
 * @template T
 * @param {() => Promise<T>} ask
 * @param {unknown[]} [on]
 */
export function useAsked(ask, on = []) {
  const data = useSignal(/** @type {T | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  const newest = useRef(0);
  const look = async () => {
    const own = ++newest.current;
    try {
      const found = await ask();
      if (own !== newest.current) return;
      data.value = found;
      error.value = null;
    } catch (thrown) {
      if (own === newest.current) error.value = thrown;
    }
  };
  useEffect(() => {
    look();
    return () => {
      newest.current++;
    };
  }, on);
  return { data: data.value, error: error.value, look };
}

/** @typedef {{ on: string, rows: any[], next: string | null }} Pages the rows so far, and where the next ones begin */

/** The first page as it is now, and behind it what was asked for further down. @param {Pages | null} first @param {Pages | null} more @returns {Pages | null} */
function joined(first, more) {
  if (!first || more?.on !== first.on) return first;
  const last = more.rows.findIndex((each) => each.id === first.rows.at(-1)?.id);
  return last < 0 ? first : { ...more, rows: [...first.rows, ...more.rows.slice(last + 1)] };
}

/**
 * Ask for a list that comes in pages. `look` begins it anew, `follow` looks at its first page alone; `missed`: why the
 * next page did not come.
 *
 * @param {string} path
 * @param {string} name of the list in the answer
 * @param {import('../api.js').Query} [query]
 */
export function usePages(path, name, query = {}) {
  const on = JSON.stringify([path, query]);
  /** @param {string | null} [cursor] @returns {Promise<Pages>} */
  const page = async (cursor) => {
    const found = await api.get(path, cursor ? { ...query, cursor } : query);
    return { on, rows: found[name], next: found.next_cursor ?? null };
  };
  const more = useSignal(/** @type {Pages | null} */ (null));
  const missed = useSignal(/** @type {unknown} */ (null));
  const underWay = useRef(/** @type {string | null} */ (null));
  const asked = useAsked(page, [on]);
  const known = useRef(/** @type {Pages | null} */ (null));
  known.current = joined(asked.data, more.value);
  const look = async () => {
    await asked.look();
    more.value = null;
  };
  const further = async () => {
    const before = known.current;
    if (!before || underWay.current === before.next) return;
    underWay.current = before.next;
    missed.value = null;
    try {
      const found = await page(before.next);
      if (known.current?.on === on) more.value = { ...found, rows: [...before.rows, ...found.rows] };
    } catch (error) {
      missed.value = error;
    }
    underWay.current = null;
  };
  return { ...asked, look, follow: asked.look, data: known.current?.rows ?? null, further: known.current?.next ? further : null, missed: missed.value };
}

/**
 * Something a button does: whether it is under way, and what went wrong with it, field by field.
 *
 * @template {unknown[]} Given
 * @param {(...given: Given) => Promise<unknown>} act
 */
export function useAct(act) {
  const busy = useSignal(false);
  const error = useSignal(/** @type {unknown} */ (null));
  /** @param {Given} given */
  const run = async (...given) => {
    busy.value = true;
    error.value = null;
    try {
      await act(...given);
    } catch (thrown) {
      error.value = thrown;
    } finally {
      busy.value = false;
    }
  };
  const problems = error.value instanceof ApiError ? error.value.problems : [];
  /** @param {string} field */
  const wrong = (field) => problems.find((each) => each.field === field || each.field.startsWith(`${field}[`) || each.field.startsWith(`${field}.`))?.message ?? null;
  return { busy: busy.value, error: error.value, wrong, run };
}
