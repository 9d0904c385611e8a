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

/**
 * Ask for a list that comes in pages.
 *
 * @param {string} path
 * @param {string} name of the list in the answer
 * @param {import('../api.js').Query} [query]
 */
export function usePages(path, name, query = {}) {
  const more = useSignal(/** @type {any[]} */ ([]));
  const next = useSignal(/** @type {string | null} */ (null));
  const asked = useAsked(async () => {
    const found = await api.get(path, query);
    more.value = [];
    next.value = found.next_cursor ?? null;
    return /** @type {any[]} */ (found[name]);
  }, [path, JSON.stringify(query)]);
  const further = async () => {
    const found = await api.get(path, { ...query, cursor: next.value });
    more.value = [...more.value, ...found[name]];
    next.value = found.next_cursor ?? null;
  };
  return { ...asked, data: asked.data && [...asked.data, ...more.value], further: next.value ? further : null };
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
