/** The bar at the top: the seal, the places, and how things stand; at the bottom on a phone. And what stands below it. */

import { effect, signal } from '@preact/signals';

import { a, div, h, header, nav, p, span } from '../dom.js';
import { clock } from '../format.js';
import { choose, language, t } from '../i18n.js';
import { keep, kept } from '../kept.js';
import { helping } from '../keys.js';
import { connection } from '../live.js';
import { PLACES, ROOT, address, link, route } from '../router.js';
import { me, signOut, signedOut, signingIn } from '../session.js';
import { notify } from '../ui/announce.js';
import { Button, Menu } from '../ui/button.js';
import { icon } from '../ui/icon.js';
import { messageOf } from '../ui/states.js';

export const THEMES = /** @type {const} */ (['system', 'light', 'dark']);

/** @typedef {typeof THEMES[number]} Theme */

/** @type {import('@preact/signals').Signal<Theme>} */
export const theme = signal(THEMES.find((each) => each === kept('theme')) ?? 'system');

effect(() => {
  const chosen = theme.value;
  document.documentElement.dataset.theme = chosen;
  keep('theme', chosen === 'system' ? null : chosen);
});

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

/** Choose the language; texts that are gone are those of an older page. @param {import('../i18n.js').Language} chosen */
export const speak = (chosen) => void choose(chosen).catch(lookForNewer);

const LanguageButton = () =>
  h(Button, { text: t('language.other'), kind: 'plain', class: 'bar-language', onClick: () => speak(language.value === 'zh' ? 'en' : 'zh') });

const ThemeMenu = () =>
  h(Menu, {
    button: { text: t('theme.label'), icon: theme.value === 'dark' ? 'moon' : 'sun', bare: true, kind: 'plain' },
    items: THEMES.map((each) => ({ text: t(`theme.${each}`), chosen: theme.value === each, onPick: () => (theme.value = each) })),
  });

function Person() {
  const known = me.value;
  if (!known?.name) return null;
  return h(Menu, {
    button: { text: known.name, title: known.name, icon: 'user', kind: 'plain', class: 'bar-person' },
    items: [
      ...(known.viewer ? [] : [{ text: t('place.settings'), icon: /** @type {const} */ ('settings'), href: address('settings') }]),
      { text: t('me.sign_out'), icon: 'external', onPick: () => void signOut().catch((error) => notify(messageOf(error), { kind: 'wrong' })) },
    ],
  });
}

// The banner's room is there before it is known whether it is wanted: nothing moves under the reader's eyes.
effect(() => {
  if (me.value) keep('sandbox', me.value.sandbox ? null : 'no');
});

/** Whether the server has a newer page than this one, whose files are gone. */
export const outdated = signal(false);

const OWN = /\/v\/(\w+)\//.exec(import.meta.url)?.[1];
const LOOK_MS = 10 * 60_000;
let looked_ms = Date.now();

/** Ask which page the server has. */
export async function lookForNewer() {
  looked_ms = Date.now();
  const answer = await fetch(ROOT, { method: 'HEAD', cache: 'no-store' }).catch(() => null);
  const there = answer?.ok ? answer.headers.get('x-danqing-studio') : null;
  if (there) outdated.value = there !== OWN;
}

// A server that was replaced was away for a moment; one behind a balancer is looked at now and then.
const lookNowAndThen = () => void (!document.hidden && Date.now() - looked_ms >= LOOK_MS && lookForNewer());
let lost = false;
effect(() => {
  const { state } = connection.value;
  if (state === 'live' && lost) void lookForNewer();
  lost = state === 'offline' || (lost && state !== 'live');
});
setInterval(lookNowAndThen, LOOK_MS / 10);
document.addEventListener('visibilitychange', lookNowAndThen);

export const Banners = () =>
  div(
    { class: 'banners', role: 'region', 'aria-label': t('app.notices') },
    !me.value && kept('sandbox') !== 'no' && p({ class: 'banner banner-sandbox' }),
    me.value?.sandbox &&
      p(
        { class: 'banner banner-sandbox' },
        span({ class: 'banner-stripes', 'aria-hidden': 'true' }),
        span(null, t('app.sandbox')),
        visiblePlaces().includes('settings') && a({ ...link(address('settings', {}, 'providers')) }, t('app.sandbox_how')),
      ),
    connection.value.state === 'offline' &&
      p({ class: 'banner banner-offline', role: 'status' }, icon('warning'), span(null, t('app.offline', { time: clock(new Date(connection.value.since).toISOString()) }))),
    signedOut.value &&
      div({ class: 'banner banner-version', role: 'status' }, icon('info'), span(null, t('app.signed_out')), h(Button, { text: t('app.sign_in'), kind: 'plain', onClick: () => (signingIn.value = true) })),
    outdated.value &&
      div({ class: 'banner banner-version', role: 'status' }, icon('info'), span(null, t('app.new_version')), h(Button, { text: t('app.reload'), kind: 'plain', onClick: () => location.reload() })),
  );
