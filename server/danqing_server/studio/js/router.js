/** Where the reader is: the address is the truth of place, filter and selection. */

import { signal } from '@preact/signals';

export const ROOT = '/studio/';
export const PLACES = /** @type {const} */ (['create', 'gallery', 'tasks', 'queue', 'costs', 'settings']);

/** @typedef {typeof PLACES[number]} Place */

/**
 * @typedef {object} Route
 * @property {Place | null} place null: there is no such place
 * @property {string} path what follows the place, as `keys` in `/studio/settings/keys`
 * @property {Record<string, string>} query
 */

export const route = signal(read());

addEventListener('popstate', () => {
  route.value = read();
});

/** @returns {Route} */
function read() {
  const [first = '', ...rest] = location.pathname.replace(/^\/studio\/?/, '').split('/');
  const place = PLACES.find((each) => each === (first || 'create')) ?? null;
  return { place, path: rest.join('/'), query: Object.fromEntries(new URLSearchParams(location.search)) };
}

/**
 * Return the address of a place.
 *
 * @param {Place} place
 * @param {Record<string, string | null | undefined>} [query] what is null or empty is left out
 * @param {string} [path]
 */
export function address(place, query = {}, path = '') {
  const rest = [place === 'create' ? '' : place, path].filter(Boolean).join('/');
  return ROOT + rest + written(query);
}

/** @param {Record<string, string | null | undefined>} query */
function written(query) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) found.set(name, value);
  const text = found.toString();
  return text ? `?${text}` : '';
}

/**
 * Go to *url*; *replace*: Back does not lead here again.
 *
 * @param {string} url
 * @param {{ replace?: boolean, keepScroll?: boolean }} [options]
 */
export function go(url, { replace = false, keepScroll = false } = {}) {
  const before = route.value.place;
  if (replace) history.replaceState(history.state, '', url);
  else history.pushState({ from: withQuery({}) }, '', url);
  route.value = read();
  if (!keepScroll && route.value.place !== before) scrollTo(0, 0);
}

/**
 * Change parts of the query; null takes one away.
 *
 * @param {Record<string, string | null | undefined>} changes
 * @param {{ replace?: boolean }} [options]
 */
export function setQuery(changes, { replace = false } = {}) {
  go(location.pathname + written({ ...route.value.query, ...changes }), { replace, keepScroll: true });
}

/**
 * Take away what lies over a place. Where it was opened here that is going back: Back does not open it again.
 *
 * @param {Record<string, null>} changes
 * @param {{ replace?: boolean }} [options] where it came with the address
 */
export function goBack(changes, options) {
  if (history.state?.from !== withQuery(changes)) return setQuery(changes, options);
  route.value = { ...route.value, query: /** @type {any} */ ({ ...route.value.query, ...changes }) }; // at once: a second Esc goes no further
  history.back();
}

/**
 * Return the address of what the query would be after *changes*, at this place.
 *
 * @param {Record<string, string | null | undefined>} changes
 */
export const withQuery = (changes) => location.pathname + written({ ...route.value.query, ...changes });

/**
 * Return the props of a link inside the studio; a click with a modifier opens a tab, as everywhere.
 *
 * @param {string} url
 */
export function link(url) {
  return {
    href: url,
    /** @param {MouseEvent} event */
    onClick: (event) => {
      if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.defaultPrevented) return;
      event.preventDefault();
      go(url);
    },
  };
}
