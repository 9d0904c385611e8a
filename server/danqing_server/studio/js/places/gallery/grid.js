/**
 * The grid: equal cells, a true scrollbar, and in the page no more than what is seen and a little around it.
 *
 * Rows are laid out by arithmetic. The row with the focus stays, wherever one scrolls to. What changes above the eye
 * moves nothing under it.
 */

import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

import { div, h, span } from '../../dom.js';
import { duration } from '../../format.js';
import { t } from '../../i18n.js';
import { ids, places, rowOf, seen, want } from '../../pictures/store.js';
import { go, withQuery } from '../../router.js';
import { icon } from '../../ui/icon.js';
import { Thumb } from '../../ui/thumb.js';
import { chosen, choosing, extend, here, toggle } from './choosing.js';

const GAP = 6;
const MOST_CELLS = 132;
const LONG_PRESS_MS = 480;
const MOVED = 10;
const WIDTHS = { s: 112, m: 176, l: 264 };

/** @typedef {keyof typeof WIDTHS} Density */

/** @param {string} id */
export const open = (id) => go(withQuery({ picture: id }));

/** @param {{ density: Density }} props */
export function Grid({ density }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const view = useSignal({ width: 0, top: 0, height: innerHeight });
  const moved = useRef(false);
  const eye = useRef({ id: /** @type {string | null} */ (null), rest: 0, of: ids.value });

  const { width, top, height } = view.value;
  const columns = Math.max(2, Math.floor((width + GAP) / ((WIDTHS[density] ?? WIDTHS.m) + GAP)));
  const side = Math.floor((width + GAP) / columns);
  const all = ids.value;
  const count = Math.ceil(all.length / columns);

  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const at = box.current?.getBoundingClientRect();
      if (at) view.value = { width: at.width, top: Math.max(0, -at.top), height: innerHeight };
    };
    const soon = () => (frame ||= requestAnimationFrame(look));
    const watch = new ResizeObserver(soon);
    watch.observe(/** @type {Element} */ (box.current));
    look();
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', soon);
    return () => {
      watch.disconnect();
      cancelAnimationFrame(frame);
      removeEventListener('scroll', soon);
      removeEventListener('resize', soon);
    };
  }, []);

  // What is under the eye stays there when others come or go before it.
  useLayoutEffect(() => {
    const before = eye.current;
    if (before.of !== all && before.id && top > 0) {
      const now = places.value.get(before.id);
      if (now !== undefined) {
        const shift = Math.floor(now / columns) * side + before.rest - top;
        if (Math.abs(shift) >= 1) scrollBy({ top: shift, behavior: 'instant' });
      }
    }
    const row = Math.floor(top / side);
    eye.current = { id: all[row * columns] ?? null, rest: top - row * side, of: all };
  }, [all, top, columns, side]);

  const first = Math.floor(top / side);
  const last = Math.min(count - 1, Math.floor((top + height) / side));
  const around = Math.max(0, Math.min(3, Math.floor((MOST_CELLS / columns - (last - first + 1)) / 2)));
  /** @type {number[]} */
  const shown = [];
  if (width) for (let row = Math.max(0, first - around); row <= Math.min(count - 1, last + around); row++) shown.push(row);
  const focused = here.value === null ? undefined : places.value.get(here.value);
  const focusedRow = focused === undefined ? -1 : Math.floor(focused / columns);
  if (focusedRow >= 0 && !shown.includes(focusedRow)) shown.push(focusedRow);

  const range = all.slice(Math.max(0, first - around) * columns, (last + 1 + around) * columns);
  useEffect(() => want(range), [range[0], range.length, all]);

  useLayoutEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector('[data-here]'))?.focus({ preventScroll: true });
  });

  /** @param {number} place */
  const walkTo = (place) => {
    const next = Math.max(0, Math.min(all.length - 1, place));
    here.value = all[next] ?? null;
    moved.current = true;
    reveal(box.current, Math.floor(next / columns) * side, side);
  };

  /** @param {KeyboardEvent} event */
  const walk = (event) => {
    const now = focused ?? first * columns;
    const page = Math.max(1, Math.floor((height - 160) / side)) * columns;
    const to = {
      ArrowRight: now + 1, ArrowLeft: now - 1, ArrowDown: now + columns, ArrowUp: now - columns,
      PageDown: now + page, PageUp: now - page, Home: 0, End: all.length - 1,
    }[event.key];
    if (to === undefined || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (to < 0 && event.key === 'ArrowUp') return;
    if (event.shiftKey && here.value && !chosen.value.has(here.value)) toggle(here.value);
    walkTo(to);
    if (event.shiftKey && here.value) extend(here.value);
  };

  return div(
    {
      ref: box, class: 'gallery-grid', role: 'grid', 'aria-label': t('gallery.grid'), 'aria-multiselectable': 'true',
      'aria-rowcount': count, 'aria-colcount': columns,
      style: { height: `${Math.max(0, count * side - GAP)}px` }, onKeyDown: walk, ...pressing,
    },
    shown.map((row) =>
      div(
        { key: row, role: 'row', 'aria-rowindex': row + 1, class: 'gallery-row', style: { transform: `translateY(${row * side}px)`, height: `${side - GAP}px` } },
        all.slice(row * columns, (row + 1) * columns).map((id, column) => {
          const place = row * columns + column;
          const isHere = focused === undefined ? place === Math.min(first * columns, all.length - 1) : place === focused;
          return h(Cell, {
            key: id, id, place, column, count: all.length, side: side - GAP, isHere, isChosen: chosen.value.has(id), row: rowOf(id), seen: seen.value,
          });
        }),
      ),
    ),
  );
}

/** Scroll so that a row is seen between the bars. @param {HTMLElement | null} box @param {number} at @param {number} side */
function reveal(box, at, side) {
  if (!box) return;
  const top = box.getBoundingClientRect().top + at;
  const above = (document.querySelector('.gallery-bar')?.getBoundingClientRect().bottom ?? 0) + 8;
  const below = (document.querySelector('.gallery-chosen')?.getBoundingClientRect().top ?? innerHeight) - 8;
  if (top < above) scrollBy({ top: top - above, behavior: 'instant' });
  else if (top + side > below) scrollBy({ top: top + side - below, behavior: 'instant' });
}

/** @param {{ id: string, place: number, column: number, count: number, side: number, isHere: boolean, isChosen: boolean, row: import('../../pictures/store.js').Picture | undefined, seen: number }} props */
function Cell({ id, place, column, count, side, isHere, isChosen, row }) {
  const cell = t('gallery.cell', { prompt: row ? row.prompt || t('pictures.none') : t('gallery.unseen'), place: place + 1, count });
  return div(
    {
      role: 'gridcell', class: `gallery-cell${isChosen ? ' gallery-cell-chosen' : ''}${row?.sandbox ? ' simulated' : ''}`, 'aria-colindex': column + 1,
      'aria-selected': isChosen, 'aria-label': row?.starred ? t('gallery.cell_starred', { cell }) : cell,
      tabIndex: isHere ? 0 : -1, 'data-id': id, 'data-here': isHere ? 'yes' : undefined,
      style: { width: `${side}px`, backgroundColor: row?.colour ?? '' }, onFocus: () => (here.value = id),
    },
    row?.has_thumbnail && h(Thumb, { url: row.path, alt: '', width: side, eager: true }),
    row && !row.has_thumbnail && span({ class: 'gallery-mute' }, icon(row.kind === 'audio' ? 'sound' : 'image')),
    row?.duration_s != null && span({ class: 'gallery-length' }, icon(row.kind === 'audio' ? 'sound' : 'play'), duration(row.duration_s)),
    row?.starred && span({ class: 'gallery-star' }, icon('star', { filled: true })),
    isChosen && span({ class: 'gallery-tick' }, icon('check')),
  );
}

/** @param {Event} event */
const idAt = (event) => /** @type {HTMLElement} */ (event.target).closest?.('[data-id]')?.getAttribute('data-id') ?? null;

/** @type {{ id: string, x: number, y: number, timer: number } | null} */
let press = null;
let swallow = false;

function letGo() {
  if (press) clearTimeout(press.timer);
  press = null;
}

/** What fingers and mice do: a click opens or chooses, a long press chooses. */
const pressing = {
  /** @param {PointerEvent} event */
  onPointerDown: (event) => {
    const id = idAt(event);
    letGo();
    swallow = false;
    if (!id || event.pointerType === 'mouse') return;
    const timer = setTimeout(() => {
      swallow = true;
      toggle(id);
      navigator.vibrate?.(10);
    }, LONG_PRESS_MS);
    press = { id, x: event.clientX, y: event.clientY, timer };
  },
  /** @param {PointerEvent} event */
  onPointerMove: (event) => {
    if (press && Math.hypot(event.clientX - press.x, event.clientY - press.y) > MOVED) letGo();
  },
  onPointerUp: letGo,
  onPointerCancel: letGo,
  /** @param {Event} event */
  onContextMenu: (event) => {
    if (press || swallow) event.preventDefault();
  },
  /** @param {MouseEvent} event */
  onClick: (event) => {
    const id = idAt(event);
    if (swallow || !id) {
      swallow = false;
      return;
    }
    if (event.shiftKey) extend(id);
    else if (choosing.value || event.ctrlKey || event.metaKey) toggle(id);
    else open(id);
    here.value = id;
  },
};
