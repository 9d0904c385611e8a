/** The list of all keys that work here. */

import { dd, dl, dt, fragment, h, h3, kbd } from '../dom.js';
import { has, t } from '../i18n.js';
import { bindings, helping } from '../keys.js';
import { Dialog } from '../ui/dialog.js';

/** @param {string} key */
const shown = (key) =>
  key.split(/\b[ +]\b/).map((each) => kbd({ key: each }, { Mod: /Mac|iP/.test(navigator.platform) ? '⌘' : 'Ctrl', ' ': 'Space' }[each] ?? each));

export default () =>
  h(
    Dialog,
    { title: t('keys.title'), onClose: () => (helping.value = false) },
    [...bindings.value].reverse().map(([place, keys]) =>
      fragment(
        h3(null, t([`place.${place}`, `${place}.title`, `ui.${place}`].find(has) ?? 'keys.everywhere')),
        dl({ class: 'keys' }, Object.entries(keys).map(([key, [, text]]) => [dt(null, shown(key)), dd(null, key.startsWith('g ') ? t('keys.go', { place: t(text) }) : t(text))])),
      ),
    ),
  );
