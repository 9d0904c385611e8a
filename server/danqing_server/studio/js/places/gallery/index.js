/** The gallery: every picture that is kept. */

import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect } from 'preact/hooks';

import { div, fragment, h, h1, p, section, span } from '../../dom.js';
import { t } from '../../i18n.js';
import { keep, kept } from '../../kept.js';
import { bind } from '../../keys.js';
import { asReference, download, remove, reuse, star, zip } from '../../pictures/actions.js';
import { follow, fresh, ids, isCut, isMore, letIn, load, state, taskOf, wrong } from '../../pictures/store.js';
import { address, route, setQuery } from '../../router.js';
import { may } from '../../session.js';
import { notify } from '../../ui/announce.js';
import { Button } from '../../ui/button.js';
import { Segments } from '../../ui/field.js';
import { Empty, Problem, Skeleton } from '../../ui/states.js';
import { chooseAll, chooseNone, choosing, chosenInOrder, here, meant, toggle } from './choosing.js';
import { Finder } from './dropping.js';
import { Filters, clearFilter, filterHere } from './filters.js';
import { Grid, open } from './grid.js';

const MOST_ZIPPED = 2_000;
const density = signal(/** @type {import('./grid.js').Density} */ ('m'));

/** @param {(ids: string[]) => void} act */
const withMeant = (act) => () => {
  const pictures = meant();
  if (pictures.length) act(pictures);
};

/** @param {(id: string) => void} act */
const withOne = (act) => withMeant(([first]) => first && act(first));

/** @param {string[]} pictures */
function compare(pictures) {
  const [one, two = one && (ids.value[ids.value.indexOf(one) + 1] ?? ids.value[0])] = pictures;
  if (one && two) setQuery({ picture: one, with: two });
}

/** @param {string[]} pictures */
function pack(pictures) {
  if (pictures.length > MOST_ZIPPED) notify(t('gallery.too_many'), { kind: 'wrong' });
  else void zip(pictures);
}

/** @param {string[]} pictures */
function removeThem(pictures) {
  const at = ids.value.indexOf(pictures[0] ?? '');
  remove(pictures);
  chooseNone();
  here.value = ids.value[Math.min(at, ids.value.length - 1)] ?? null;
}

/** @type {Record<string, import('../../keys.js').Binding>} */
const CHANGING = {
  s: [withMeant((all) => void star(all)), 'pictures.star'],
  r: [withOne(reuse), 'pictures.reuse'],
  e: [withOne(asReference), 'pictures.reference'],
  Delete: [withMeant(removeThem), 'pictures.delete'],
  Backspace: [withMeant(removeThem), 'pictures.delete'],
};

/** @type {Record<string, import('../../keys.js').Binding>} */
const READING = {
  Enter: [withOne(open), 'gallery.open'],
  x: [withOne(toggle), 'gallery.choose'],
  ' ': [withOne(toggle), 'gallery.choose'],
  a: [chooseAll, 'gallery.all'],
  d: [withMeant((all) => (all.length > 1 ? pack(all) : void download(all[0] ?? ''))), 'pictures.download'],
  c: [withMeant(compare), 'pictures.compare'],
  '.': [withOne((id) => setQuery({ task: taskOf(id) })), 'pictures.task'],
  Escape: [chooseNone, 'gallery.clear'],
};

export default function Gallery() {
  const filter = filterHere();
  const asked = JSON.stringify(filter);
  const mayChange = may('generate');
  const covered = !!(route.value.query.picture || route.value.query.task);
  useEffect(() => void load(filter), [asked]);
  useEffect(() => {
    density.value = /** @type {import('./grid.js').Density} */ (kept('density') ?? 'm'); // Settings may have changed it
    return follow();
  }, []);
  useLayoutEffect(() => (covered ? undefined : bind('gallery', mayChange ? { ...READING, ...CHANGING } : READING)), [covered, mayChange]);
  useEffect(() => {
    if (scrollY < 4 && fresh.value.length) letIn();
  }, [fresh.value]);
  return section({ class: 'gallery' }, h1({ class: 'unseen' }, t('place.gallery')), h(GalleryBar, {}), h(Shown, { asked }), choosing.value && h(ChosenBar, {}));
}

function GalleryBar() {
  const count = ids.value.length;
  const text = isCut.value ? `${t('gallery.count', { n: count })}+` : t(state.value === 'ready' ? 'gallery.count' : 'gallery.counting', { n: count });
  return div(
    { class: 'gallery-bar' },
    h(Filters, {}),
    div(
      { class: 'gallery-tools' },
      p({ class: 'gallery-count' }, state.value === 'loading' ? '' : text),
      h(Segments, {
        label: t('gallery.density'), name: 'density', value: density.value,
        choices: [['s', t('gallery.density_s')], ['m', t('gallery.density_m')], ['l', t('gallery.density_l')]],
        onChange: (/** @type {import('./grid.js').Density} */ value) => {
          density.value = value;
          keep('density', value);
        },
      }),
      h(Finder, {}),
      h(Button, { text: t('gallery.select'), pressed: choosing.value, onClick: () => (choosing.value ? chooseNone() : (choosing.value = true)) }),
    ),
    fresh.value.length > 0 && h(Button, {
      text: t('gallery.fresh', { n: fresh.value.length + (isMore.value ? '+' : '') }), icon: 'arrow_up', kind: 'primary', class: 'gallery-fresh',
      onClick: () => {
        letIn();
        scrollTo({ top: 0, behavior: 'instant' });
      },
    }),
  );
}

/** @param {{ asked: string }} props */
function Shown({ asked }) {
  if (state.value === 'loading' && !ids.value.length) return h(Skeleton, { tiles: 24 });
  return fragment(
    !!wrong.value && h(Problem, { error: wrong.value, onRetry: () => void load(filterHere(), { again: true }) }),
    ids.value.length > 0 && h(Grid, { density: density.value }),
    !ids.value.length && !wrong.value && h(Nothing, { filtered: asked !== '{}' }),
  );
}

/** @param {{ filtered: boolean }} props */
const Nothing = ({ filtered }) =>
  filtered
    ? h(Empty, { title: t('ui.nothing_found'), action: h(Button, { text: t('ui.clear_filter'), onClick: clearFilter }) })
    : h(Empty, { title: t('gallery.empty'), text: t('gallery.empty_text'), action: h(Button, { text: t('ui.to_create'), kind: 'primary', href: address('create') }) });

function ChosenBar() {
  const all = chosenInOrder();
  const none = !all.length;
  return div(
    { class: 'gallery-chosen', role: 'group', 'aria-label': t('gallery.chosen', { n: all.length }) },
    span({ class: 'gallery-chosen-count' }, t('gallery.chosen', { n: all.length })),
    h(Button, { text: t('gallery.all'), kind: 'plain', onClick: chooseAll }),
    may('generate') && h(Button, { text: t('pictures.star'), icon: 'star', disabled: none, onClick: () => void star(all) }),
    h(Button, { text: t('gallery.zip'), icon: 'download', disabled: none, onClick: () => pack(all) }),
    may('generate') && all.length === 1 && h(Button, { text: t('pictures.reuse'), icon: 'reuse', onClick: withOne(reuse) }),
    all.length === 2 && h(Button, { text: t('pictures.compare'), icon: 'compare', onClick: () => compare(all) }),
    may('generate') && h(Button, { text: t('pictures.delete'), icon: 'trash', kind: 'danger', disabled: none, onClick: () => removeThem(all) }),
    h(Button, { text: t('gallery.clear'), icon: 'close', bare: true, kind: 'plain', onClick: chooseNone }),
  );
}
