/** The frame around every place: bar, banners, the place, what lies over it. */

import { signal } from '@preact/signals';
import { Component } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { a, div, fragment, h, later, main } from '../dom.js';
import { learn, t } from '../i18n.js';
import { bind, helping } from '../keys.js';
import { connection, shut } from '../live.js';
import { PLACES, address, go, link, route } from '../router.js';
import { me, signingIn } from '../session.js';
import { announce, notify } from '../ui/announce.js';
import { Button } from '../ui/button.js';
import { Empty, Skeleton } from '../ui/states.js';
import { Banners, Bar, lookForNewer, visiblePlaces } from './bar.js';

const KeysHelp = later(() => import('./help.js'));

const LETTERS = { create: 'c', gallery: 'g', tasks: 't', queue: 'q', costs: 'o', settings: 's' };

/** Bind the keys that work everywhere. */
export function bindPlaces() {
  /** @type {Record<string, import('../keys.js').Binding>} */
  const keys = { '?': [() => (helping.value = true), 'keys.help'] };
  for (const place of PLACES) keys[`g ${LETTERS[place]}`] = [() => go(address(place)), `place.${place}`];
  bind('everywhere', keys);
}

export function Frame() {
  const { place, query } = route.value;
  const named = place ? t('app.title', { place: t(`place.${place}`) }) : t('app.name');
  const title = shut.value.length ? t('lane.mark', { title: named }) : named;
  const before = useRef(place);
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    if (before.current !== place) announce(named);
    before.current = place;
  }, [place]);
  return fragment(
    a({ class: 'skip', href: '#place' }, t('app.skip')),
    h(Bar, {}),
    h(Banners, {}),
    main(
      { id: 'place', class: `place-main place-${place}${connection.value.state === 'offline' ? ' place-stale' : ''}`, tabIndex: -1 },
      h(Here, {}),
    ),
    query.task && h(Loaded, { name: 'sheet', over: true, key: 'sheet' }),
    query.picture && h(Loaded, { name: 'viewer', over: true, key: 'viewer' }),
    signingIn.value && h(Loaded, { name: 'signin', over: true, key: 'signin' }),
    helping.value && h(KeysHelp, {}),
  );
}

/** The place, if there is one and it is theirs. Who comes without naming one is led to the first that is. */
function Here() {
  const { place, path } = route.value;
  const [first = 'settings'] = visiblePlaces();
  const theirs = !!place && visiblePlaces().includes(place);
  const led = place === 'create' && !path && !theirs;
  useEffect(() => {
    if (led) go(address(first), { replace: true });
  }, [led, first]);
  if (theirs) return h(Loaded, { name: `places/${place}`, key: place });
  if (led) return h(Skeleton, { lines: 4, tiles: 6 });
  return h(Empty, { title: t(place ? 'app.not_yours' : 'app.not_found'), action: a({ ...link(address(first)) }, t(`place.${first}`)) });
}

/** @param {{ name: string, over?: boolean }} props */
function Loaded({ name, over = false }) {
  useEffect(() => need(name), [name, route.value, connection.value.state]); // what did not come may come now
  const found = loaded.value[name];
  if (found instanceof Error) return over ? null : h(Broken, { onRetry: () => need(name) });
  if (!found || (!over && !me.value)) return over ? null : h(Skeleton, { lines: 4, tiles: 6 });
  return h(Guard, { key: name, onRetry: () => location.reload() }, h(found.default, {}));
}

/** @param {{ onRetry: () => void }} props */
const Broken = ({ onRetry }) =>
  h(Empty, { title: t('app.broken'), action: h(Button, { text: t('app.retry'), kind: 'primary', onClick: onRetry }) });

/** An error in a place leaves the frame as it is. */
class GuardComponent extends Component {
  constructor() {
    super();
    this.state = { broken: false };
  }

  /** @param {unknown} error */
  componentDidCatch(error) {
    console.error(error);
    this.setState({ broken: true });
  }

  /**
   * @param {any} props
   * @param {any} state
   */
  render(props, state) {
    return state.broken ? div(null, h(Broken, { onRetry: props.onRetry })) : props.children;
  }
}

/** @type {(props: { onRetry: () => void, children?: import('preact').ComponentChildren }) => import('preact').ComponentChildren} */
const Guard = /** @type {any} */ (GuardComponent);

/** @typedef {{ default: (props: any) => import('preact').ComponentChildren }} Loaded */

const BASE = new URL('../../', import.meta.url).pathname;

/** @type {import('@preact/signals').Signal<Record<string, Loaded | Error>>} */
export const loaded = signal({});

/** @type {Map<string, Promise<void>>} */
const underWay = new Map();

/**
 * Load the module `js/<name>/index.js` and the texts that it has for itself.
 *
 * @param {string} name as `places/queue` or `sheet`
 */
export function need(name) {
  if (loaded.value[name] && !(loaded.value[name] instanceof Error)) return;
  if (!underWay.has(name)) underWay.set(name, loading(name));
}

/** @param {string} name */
async function loading(name) {
  /** @type {Loaded | Error} */
  let found;
  try {
    const texts = name === 'places/settings' && learn(`${name}/`);
    [found] = await Promise.all([import(`${BASE}js/${name}/index.js`), texts]);
  } catch (error) {
    console.warn(error);
    found = error instanceof Error ? error : new Error(String(error));
    underWay.delete(name);
    if (!name.startsWith('places/') && !loaded.value[name]) notify(t('app.broken'), { kind: 'wrong' });
    void lookForNewer();
  }
  loaded.value = { ...loaded.value, [name]: found };
}
