/** The bar at the top: the seal, the places, and how things stand. At the bottom on a phone. */

import { a, div, h, header, nav, span } from '../dom.js';
import { clock } from '../format.js';
import { choose, language, t } from '../i18n.js';
import { connection } from '../live.js';
import { PLACES, address, link, route } from '../router.js';
import { me, signOut } from '../session.js';
import { THEMES, theme } from '../theme.js';
import { notify } from '../ui/announce.js';
import { icon } from '../ui/icon.js';
import { Menu } from '../ui/menu.js';
import { Button } from '../ui/button.js';
import { messageOf } from '../ui/problem.js';
import { helping } from './shortcuts.js';

const ON_A_PHONE = 3;

/** @returns {readonly (typeof PLACES[number])[]} */
export const visiblePlaces = () => PLACES.filter((place) => !me.value || NEEDS[place](me.value));

/** What a place is for, and who may. @type {Record<typeof PLACES[number], (who: import('../session.js').Me) => boolean>} */
const NEEDS = {
  create: ({ scopes }) => scopes.includes('generate'),
  gallery: ({ scopes }) => scopes.includes('read') && (scopes.includes('generate') || !scopes.includes('admin')),
  tasks: ({ scopes }) => scopes.includes('read'),
  queue: ({ scopes }) => scopes.includes('read'),
  costs: ({ scopes }) => scopes.includes('usage'),
  settings: ({ viewer }) => !viewer,
};

/** @param {{ place: typeof PLACES[number] }} props */
const PlaceLink = ({ place }) =>
  a(
    { ...link(address(place)), class: 'place-link', 'aria-current': route.value.place === place ? 'page' : undefined },
    icon(place),
    span(null, t(`place.${place}`)),
  );

export function Bar() {
  const places = visiblePlaces();
  return header(
    { class: 'bar' },
    a({ ...link(address(/** @type {any} */ (places[0]))), class: 'brand', 'aria-label': t('app.name') }, span({ class: 'seal', 'aria-hidden': 'true' }, '丹青')),
    nav(
      { class: 'places', 'aria-label': t('app.places') },
      places.map((place, at) => div({ key: place, class: at < ON_A_PHONE ? 'place' : 'place place-wide' }, h(PlaceLink, { place }))),
      places.length > ON_A_PHONE && h(Menu, {
        class: 'place-more',
        button: { text: t('app.more'), icon: 'more', kind: 'plain', class: places.indexOf(/** @type {any} */ (route.value.place)) >= ON_A_PHONE ? 'place-here' : '' },
        items: places.slice(ON_A_PHONE).map((place) => ({ text: t(`place.${place}`), icon: place, href: address(place) })),
      }),
    ),
    div({ class: 'bar-end' }, h(Connection, {}), h(Button, { text: t('keys.help'), icon: 'help', bare: true, kind: 'plain', class: 'bar-help', onClick: () => (helping.value = true) }), h(LanguageButton, {}), h(ThemeMenu, {}), h(Person, {})),
  );
}

function Connection() {
  const { state, since } = connection.value;
  return span(
    { class: `connection connection-${state}`, title: clock(new Date(since).toISOString()) },
    span({ class: 'connection-dot', 'aria-hidden': 'true' }),
    span({ class: 'connection-text' }, t(`connection.${state}`)),
  );
}

const LanguageButton = () =>
  h(Button, { text: t('language.other'), kind: 'plain', class: 'bar-language', onClick: () => choose(language.value === 'zh' ? 'en' : 'zh') });

const ThemeMenu = () =>
  h(Menu, {
    button: { text: t('theme.label'), icon: theme.value === 'dark' ? 'moon' : 'sun', bare: true, kind: 'plain' },
    items: THEMES.map((each) => ({ text: t(`theme.${each}`), chosen: theme.value === each, onPick: () => (theme.value = each) })),
  });

function Person() {
  const known = me.value;
  if (!known?.name) return null;
  return h(Menu, {
    button: { text: known.name, icon: 'user', kind: 'plain', class: 'bar-person' },
    items: [
      ...(known.viewer ? [] : [{ text: t('place.settings'), icon: /** @type {const} */ ('settings'), href: address('settings') }]),
      { text: t('me.sign_out'), icon: 'external', onPick: () => void signOut().catch((error) => notify(messageOf(error), { kind: 'wrong' })) },
    ],
  });
}
