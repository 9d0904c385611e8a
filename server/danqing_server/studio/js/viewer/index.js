/** One picture, full screen, at an address of its own; its neighbours are those of the filter it was opened from. */

import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect } from 'preact/hooks';

import { dialog, div, h, header, p, span } from '../dom.js';
import { t } from '../i18n.js';
import { keep, kept } from '../kept.js';
import { bind } from '../keys.js';
import { asReference, download, remove, reuse, star } from '../pictures/actions.js';
import { ids, places, rowFor, rowOf, seen, taskOf } from '../pictures/store.js';
import { goBack, route, setQuery } from '../router.js';
import { may } from '../session.js';
import { announce } from '../ui/announce.js';
import { useAsked } from '../ui/asking.js';
import { Button } from '../ui/button.js';
import { CopyButton } from '../ui/copy.js';
import { useModal } from '../ui/dialog.js';
import { Empty, Problem } from '../ui/states.js';
import { Compare } from './compare.js';
import { Settings } from './settings.js';
import { Stage, fit, lens, zoom, zoomIn, zoomOut } from './stage.js';

const reading = signal((kept('viewer') ?? (innerWidth > 960 ? 'open' : '')) === 'open');

/** The ids among which the arrows walk. @param {string} id */
function neighbours(id) {
  if (places.value.has(id)) return ids.value;
  const count = rowOf(id)?.of ?? 1;
  return Array.from({ length: count }, (_, index) => `${taskOf(id)}/${index}`);
}

/** @param {string} id @param {number} by */
function step(id, by) {
  const all = neighbours(id);
  const next = all[all.indexOf(id) + by];
  if (next) setQuery({ picture: next, with: null }, { replace: true });
}

const close = () => goBack({ picture: null, with: null }, { replace: true });

/** @param {string} id */
function removeOne(id) {
  const all = neighbours(id);
  const at = all.indexOf(id);
  const next = all[at + 1] ?? all[at - 1];
  remove([id]);
  if (next) setQuery({ picture: next, with: null }, { replace: true });
  else close();
}

/** @param {string} id */
function compareNext(id) {
  if (route.value.query.with) return setQuery({ with: null }, { replace: true });
  const all = neighbours(id);
  const at = all.indexOf(id);
  const other = all[at + 1] ?? all[at - 1];
  if (other) setQuery({ with: other }, { replace: true });
}

function toggleReading() {
  reading.value = !reading.value;
  keep('viewer', reading.value ? 'open' : 'closed');
}

/** @param {string} id @returns {Record<string, import('../keys.js').Binding>} */
const changing = (id) => ({
  s: [() => void star([id]), 'pictures.star'],
  r: [() => reuse(id), 'pictures.reuse'],
  e: [() => void asReference(id), 'pictures.reference'],
  Delete: [() => removeOne(id), 'pictures.delete'],
  Backspace: [() => removeOne(id), 'pictures.delete'],
});

/** @param {string} id @returns {Record<string, import('../keys.js').Binding>} */
const keysOf = (id) => ({
  ArrowLeft: [() => step(id, -1), 'viewer.previous'],
  ArrowRight: [() => step(id, 1), 'viewer.next'],
  d: [() => void download(id), 'pictures.download'],
  c: [() => compareNext(id), 'pictures.compare'],
  i: [toggleReading, 'viewer.settings'],
  '0': [fit, 'viewer.fit'],
  '1': [() => lens.full(), 'viewer.full'],
  '+': [zoomIn, 'viewer.in'],
  '-': [zoomOut, 'viewer.out'],
  '.': [() => setQuery({ picture: null, with: null, task: taskOf(id) }), 'pictures.task'],
  ...(may('generate') ? changing(id) : {}),
});

/** What is to be seen of a picture: undefined while it comes, null when it is not there; else why it did not come. @param {string} id */
function useRow(id) {
  const { data, error, look } = useAsked(async () => ({ id, row: id && (await rowFor(id)) }), [id]);
  void seen.value;
  return { row: rowOf(id) ?? (data?.id === id && data.row === null ? null : undefined), error, look };
}

export default function Viewer() {
  const { picture: id = '', with: other = '' } = route.value.query;
  const { row, error, look } = useRow(id);
  const second = useRow(other).row;
  const box = useModal();
  useLayoutEffect(() => box.current?.focus(), []);
  useLayoutEffect(() => bind('viewer', keysOf(id)), [id, may('generate')]);
  const all = neighbours(id);
  const place = all.indexOf(id) + 1;
  useEffect(() => {
    announce(t('viewer.place', { place, count: all.length }));
    const ahead = [new Image(), new Image()];
    const soon = setTimeout(() => ahead.forEach((image, at) => {
      const near = all[place - 2 * at];
      if (near) rowFor(near).then((found) => found?.kind === 'image' && void (image.src = found.path), () => {});
    }), 250);
    return () => {
      clearTimeout(soon);
      for (const image of ahead) image.src = '';
    };
  }, [id]);
  /** @param {number} by */
  const onStep = (by) => step(id, by);
  return dialog(
    {
      ref: box, class: 'viewer', tabIndex: -1, 'aria-label': t('viewer.title'),
      onCancel: (event) => {
        event.preventDefault();
        close();
      },
    },
    h(Head, { id, place, count: all.length, row: row ?? undefined, comparing: !!other }),
    div(
      { class: 'viewer-body' },
      div(
        { class: 'viewer-stage' },
        row === null ? h(Empty, { title: t('viewer.gone') })
        : row && second ? h(Compare, { one: row, two: second })
        : row ? h(Stage, { row, onStep })
        : !!error && h(Problem, { error, onRetry: () => void look() }),
        !other && place > 1 && h(Button, { text: t('viewer.previous'), icon: 'arrow_left', bare: true, class: 'viewer-previous', onClick: () => onStep(-1) }),
        !other && place < all.length && h(Button, { text: t('viewer.next'), icon: 'arrow_right', bare: true, class: 'viewer-next', onClick: () => onStep(1) }),
      ),
      row && reading.value && h(Settings, { row }),
    ),
  );
}

/** @param {{ id: string, place: number, count: number, row: import('../pictures/store.js').Picture | undefined, comparing: boolean }} props */
function Head({ id, place, count, row, comparing }) {
  const bare = /** @type {const} */ ({ bare: true, kind: 'plain' });
  return header(
    { class: 'viewer-head' },
    h(Button, { text: t('ui.close'), icon: 'close', ...bare, onClick: close }),
    p({ class: 'viewer-place' }, span(null, t('viewer.place', { place, count })), row && row.of > 1 && span({ class: 'viewer-in-task' }, t('viewer.in_task', { place: row.index + 1, count: row.of }))),
    row?.kind === 'image' && !comparing && div(
      { class: 'viewer-zoom' },
      h(Button, { text: t('viewer.out'), icon: 'minus', ...bare, disabled: zoom.value <= 1, onClick: zoomOut }),
      h(Button, { text: zoom.value > 1 ? t('viewer.fit') : t('viewer.full'), kind: 'plain', onClick: () => (zoom.value > 1 ? fit() : lens.full()) }),
      h(Button, { text: t('viewer.in'), icon: 'plus', ...bare, onClick: zoomIn }),
    ),
    row && div(
      { class: 'viewer-acts' },
      may('generate') && h(Button, { text: t('pictures.star'), icon: 'star', filled: row.starred, pressed: row.starred, ...bare, onClick: () => void star([id]) }),
      may('generate') && h(Button, { text: t('pictures.reuse'), icon: 'reuse', ...bare, onClick: () => reuse(id) }),
      may('generate') && row.kind === 'image' && h(Button, { text: t('pictures.reference'), icon: 'image', ...bare, onClick: () => void asReference(id) }),
      h(Button, { text: t('pictures.compare'), icon: 'compare', pressed: comparing, ...bare, onClick: () => compareNext(id) }),
      h(Button, { text: t('pictures.download'), icon: 'download', ...bare, onClick: () => void download(id) }),
      h(CopyButton, { text: location.href, label: t('pictures.link'), bare: true, kind: 'plain' }),
      h(Button, { text: t('pictures.task'), icon: 'tasks', ...bare, onClick: () => setQuery({ picture: null, with: null, task: taskOf(id) }) }),
      may('generate') && h(Button, { text: t('pictures.delete'), icon: 'trash', ...bare, onClick: () => removeOne(id) }),
      h(Button, { text: t('viewer.settings'), icon: 'info', pressed: reading.value, ...bare, onClick: toggleReading }),
    ),
  );
}
