/** The keys that work everywhere, and the list of all that work here. */

import { signal } from '@preact/signals';

import { dd, dl, dt, fragment, h, h3, kbd } from '../dom.js';
import { has, t } from '../i18n.js';
import { bind, bindings } from '../keys.js';
import { PLACES, address, go } from '../router.js';
import { Dialog } from '../ui/dialog.js';

export const helping = signal(false);

const LETTERS = { create: 'c', gallery: 'g', tasks: 't', queue: 'q', costs: 'o', settings: 's' };

export function bindPlaces() {
  /** @type {Record<string, import('../keys.js').Binding>} */
  const keys = { '?': [() => (helping.value = true), 'keys.help'] };
  for (const place of PLACES) keys[`g ${LETTERS[place]}`] = [() => go(address(place)), `place.${place}`];
  bind('everywhere', keys);
}

/** @param {string} key */
const shown = (key) =>
  key.split(/[ +]/).map((each) => kbd({ key: each }, each === 'Mod' ? (/Mac|iP/.test(navigator.platform) ? '⌘' : 'Ctrl') : each));

export const KeysHelp = () =>
  helping.value &&
  h(
    Dialog,
    { title: t('keys.title'), onClose: () => (helping.value = false) },
    [...bindings.value].reverse().map(([place, keys]) =>
      fragment(
        h3(null, place === 'everywhere' || !has(`place.${place}`) ? t('keys.everywhere') : t(`place.${place}`)),
        dl({ class: 'keys' }, Object.entries(keys).map(([key, [, text]]) => [dt(null, shown(key)), dd(null, key.startsWith('g ') ? t('keys.go', { place: t(text) }) : t(text))])),
      ),
    ),
  );
