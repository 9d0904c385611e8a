/** One picture, as large as there is room: fit, 1:1, zoomed by wheel or two fingers, moved; swiped to the next. */

import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { a, audio, div, h, img, p, video } from '../dom.js';
import { t } from '../i18n.js';
import { icon } from '../ui/icon.js';
import { thumbOf } from '../ui/thumb.js';

const MOST = 16;
const STEP = 1.25;
const SWIPE = 48;

/** 1: as it fits. */
export const zoom = signal(1);
/** @type {{ to: (scale: number, at?: { x: number, y: number }) => void, full: () => void }} */
export const lens = { to: () => {}, full: () => {} };

export const zoomIn = () => lens.to(zoom.value * STEP);
export const zoomOut = () => lens.to(zoom.value / STEP);
export const fit = () => lens.to(1);

/** @typedef {import('../pictures/store.js').Picture} Picture */

/** @param {{ row: Picture, onStep: (by: number) => void }} props */
export function Stage({ row, onStep }) {
  if (row.kind === 'video') return div({ class: 'stage' }, video({ key: row.id, class: 'stage-media', src: row.path, poster: row.has_thumbnail ? thumbOf(row.path, 1024) : undefined, controls: true, playsInline: true, loop: true, 'aria-label': row.prompt ?? t('pictures.none') }));
  if (row.kind === 'audio') return div({ class: 'stage' }, div({ class: 'stage-sound' }, icon('sound'), p(null, row.prompt), audio({ key: row.id, src: row.path, controls: true, 'aria-label': row.prompt ?? t('pictures.none') })));
  if (row.kind !== 'image') return div({ class: 'stage' }, div({ class: 'stage-sound' }, icon('download'), p(null, t('viewer.file')), a({ href: row.path, download: '' }, t('pictures.download'))));
  return h(Still, { row, onStep });
}

/** @param {{ row: Picture, onStep: (by: number) => void }} props */
function Still({ row, onStep }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const picture = useRef(/** @type {HTMLImageElement | null} */ (null));
  useEffect(() => watch(/** @type {HTMLDivElement} */ (box.current), /** @type {HTMLImageElement} */ (picture.current), row, onStep), [row.id]);
  return div(
    { class: 'stage stage-still', ref: box },
    img({
      ref: picture, class: 'stage-media', src: row.path, alt: row.prompt || t('pictures.none'), width: row.width, height: row.height, draggable: false, decoding: 'async',
      style: { backgroundImage: `url("${thumbOf(row.path, 512)}")` },
    }),
  );
}

/**
 * Let fingers, mouse and wheel move the picture; returns what ends that.
 *
 * @param {HTMLDivElement} box
 * @param {HTMLImageElement} picture
 * @param {Picture} row
 * @param {(by: number) => void} onStep
 */
function watch(box, picture, row, onStep) {
  let [x, y] = [0, 0];
  /** @type {Map<number, { x: number, y: number }>} */
  const fingers = new Map();
  let start = { x: 0, y: 0, spread: 0, scale: 1, many: false };

  const show = () => {
    const room = { x: Math.max(0, (picture.clientWidth * zoom.value - box.clientWidth) / 2), y: Math.max(0, (picture.clientHeight * zoom.value - box.clientHeight) / 2) };
    x = Math.max(-room.x, Math.min(room.x, x));
    y = Math.max(-room.y, Math.min(room.y, y));
    picture.style.transform = `translate(${x}px, ${y}px) scale(${zoom.value})`;
    box.classList.toggle('stage-large', zoom.value > 1);
  };
  lens.to = (scale, at) => {
    const next = Math.max(1, Math.min(MOST, Math.abs(scale - 1) < 0.02 ? 1 : scale));
    const ratio = next / zoom.value;
    const from = at ?? { x: 0, y: 0 };
    x = from.x - (from.x - x) * ratio;
    y = from.y - (from.y - y) * ratio;
    zoom.value = next;
    show();
  };
  lens.full = () => lens.to((row.width || picture.naturalWidth) / Math.max(1, picture.clientWidth));
  /** @param {{ clientX: number, clientY: number }} event */
  const middle = (event) => {
    const at = box.getBoundingClientRect();
    return { x: event.clientX - at.x - at.width / 2, y: event.clientY - at.y - at.height / 2 };
  };
  const spread = () => {
    const [one, two] = [...fingers.values()];
    return one && two ? Math.hypot(one.x - two.x, one.y - two.y) : 0;
  };
  /** @param {WheelEvent} event */
  const wheel = (event) => {
    event.preventDefault();
    lens.to(zoom.value * 2 ** (-event.deltaY / (event.deltaMode ? 8 : 240)), middle(event));
  };
  /** @param {PointerEvent} event */
  const down = (event) => {
    if (event.button) return;
    box.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    start = { x: event.clientX, y: event.clientY, spread: spread(), scale: zoom.value, many: fingers.size > 1 };
  };
  /** @param {PointerEvent} event */
  const move = (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size > 1 && start.spread) lens.to((start.scale * spread()) / start.spread, middle(event));
    else if (zoom.value > 1) {
      x += event.clientX - before.x;
      y += event.clientY - before.y;
      show();
    } else picture.style.transform = event.pointerType === 'mouse' ? '' : `translateX(${event.clientX - start.x}px)`;
  };
  /** @param {PointerEvent} event */
  const up = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
    const swiped = zoom.value === 1 && !start.many && event.type === 'pointerup' && event.pointerType !== 'mouse' && Math.abs(dx) > SWIPE && Math.abs(dx) > Math.abs(dy) * 1.5;
    show();
    if (swiped) onStep(dx < 0 ? 1 : -1);
  };
  /** @param {MouseEvent} event */
  const twice = (event) => (zoom.value > 1 ? lens.to(1) : lens.to(Math.max(2, row.width / Math.max(1, picture.clientWidth)), middle(event)));

  zoom.value = 1;
  show();
  const heard = /** @type {const} */ ([['wheel', wheel], ['pointerdown', down], ['pointermove', move], ['pointerup', up], ['pointercancel', up], ['dblclick', twice]]);
  for (const [name, listener] of heard) box.addEventListener(name, /** @type {EventListener} */ (listener), { passive: false });
  const resized = new ResizeObserver(show);
  resized.observe(box);
  return () => {
    resized.disconnect();
    for (const [name, listener] of heard) box.removeEventListener(name, /** @type {EventListener} */ (listener));
  };
}
