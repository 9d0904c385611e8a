/**
 * The rows: laid out by arithmetic, so that of thousands the page holds those that are seen and a few around them. The
 * row with the focus stays, wherever one scrolls to.
 */

import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

import { a, div, h, input, span } from '../../dom.js';
import { duration } from '../../format.js';
import { t } from '../../i18n.js';
import { plainly } from '../../results.js';
import { go, link, withQuery } from '../../router.js';
import { isForeign } from '../../session.js';
import { costText, moneyText } from '../../ui/money.js';
import { Billed, isOpen, standingOf, Status } from '../../ui/status.js';
import { Thumb } from '../../ui/thumb.js';
import { When } from '../../ui/time.js';
import { all, chooseAll, chooseNone, chosen, count, extend, here, toggle } from './choosing.js';
import { cursor, loading, more, rows, total } from './store.js';
import { whyOf } from './waiting.js';

/** @typedef {import('./store.js').Row} Row */

const AROUND = 8;
const NEAR_THE_END = 30;
const COLUMNS = ['time', 'status', 'prompt', 'model', 'pictures', 'wait', 'took', 'cost', 'billed'];

/** Whether a key moved the row that one is at: then the focus goes there. */
let moved = false;

/** Go to the row at *place*; *extending*: choose all on the way. @param {number} place @param {boolean} [extending] */
export function walkTo(place, extending = false) {
  const next = rows.value[Math.max(0, Math.min(rows.value.length - 1, place))];
  if (!next) return;
  if (extending && here.value && !chosen.value.has(here.value)) toggle(here.value);
  here.value = next.id;
  moved = true;
  if (extending) extend(next.id);
}

export const placeHere = () => rows.value.findIndex((each) => each.id === here.value);

/** @param {{ choosable: boolean }} props */
export function List({ choosable }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const view = useSignal({ top: 0, height: innerHeight, row: 0 });
  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const at = /** @type {HTMLDivElement} */ (box.current).getBoundingClientRect();
      const row = parseFloat(getComputedStyle(/** @type {HTMLDivElement} */ (box.current)).gridAutoRows);
      view.value = { top: Math.max(0, -at.top), height: innerHeight, row };
    };
    const soon = () => (frame ||= requestAnimationFrame(look));
    const watch = new ResizeObserver(soon);
    watch.observe(/** @type {Element} */ (box.current));
    look();
    addEventListener('scroll', soon, { passive: true });
    return () => {
      watch.disconnect();
      cancelAnimationFrame(frame);
      removeEventListener('scroll', soon);
    };
  }, []);

  const { top, height, row } = view.value;
  const found = rows.value;
  const first = row ? Math.max(0, Math.floor(top / row) - AROUND) : 0;
  const last = row ? Math.min(found.length - 1, Math.ceil((top + height) / row) + AROUND) : -1;
  const shown = Array.from({ length: Math.max(0, last - first + 1) }, (_, each) => first + each);
  const own = placeHere();
  if (own >= 0 && !shown.includes(own)) shown.push(own);
  useEffect(() => {
    if (last >= found.length - NEAR_THE_END) void more();
  }, [last, found.length, cursor.value]);
  useLayoutEffect(() => {
    if (!moved) return;
    moved = false;
    const node = /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector('[tabindex="0"]'));
    node?.focus({ preventScroll: true });
    node?.scrollIntoView({ block: 'nearest' });
  });

  const isAll = all.value || (chosen.value.size > 0 && found.every((each) => chosen.value.has(each.id) || isForeign(each.project)));
  return div(
    {
      class: `tasks-grid${choosable ? '' : ' tasks-plain'}`, role: 'grid', 'aria-label': t('place.tasks'), 'aria-multiselectable': choosable, 'aria-busy': loading.value,
      'aria-rowcount': total.value === null ? -1 : total.value + 1, 'aria-colcount': COLUMNS.length + Number(choosable),
    },
    div(
      { role: 'rowgroup', class: 'tasks-head' },
      div(
        { class: 'tasks-row', role: 'row', 'aria-rowindex': 1 },
        choosable && span({ role: 'columnheader', class: 'tasks-check' }, input({ type: 'checkbox', 'aria-label': t('tasks.choose_all'), checked: isAll, onChange: () => (isAll ? chooseNone() : chooseAll()) })),
        COLUMNS.map((each) => span({ role: 'columnheader', class: `tasks-${each}`, key: each }, t(`tasks.${each}`))),
      ),
    ),
    div(
      { role: 'rowgroup', class: 'tasks-body', ref: box, style: { height: `${found.length * row}px` } },
      shown.map((place) => {
        const each = /** @type {Row} */ (found[place]);
        return h(Line, { row: each, place, top: place * row, choosable, at: own < 0 ? place === first : place === own, key: each.id });
      }),
    ),
  );
}

/** @param {{ row: Row, place: number, top: number, choosable: boolean, at: boolean }} props */
function Line({ row, place, top, choosable: some, at }) {
  const { id } = row;
  const choosable = some && !isForeign(row.project);
  const isChosen = choosable && (all.value || chosen.value.has(id));
  const prompt = row.prompt ?? t('tasks.others', { project: row.project ?? '' });
  const url = withQuery({ task: id });
  const wait_s = row.started_at ? seconds(row.created_at, row.started_at) : null;
  const took_s = row.started_at && row.completed_at ? seconds(row.started_at, row.completed_at) : null;
  return div(
    {
      class: `tasks-row tasks-line${isChosen ? ' tasks-chosen' : ''}`, role: 'row', 'aria-rowindex': place + 2, 'aria-selected': choosable ? isChosen : undefined,
      'data-id': id, tabIndex: at ? 0 : -1, style: { top: `${top}px` },
      onFocus: () => (here.value = id),
      onClick: (event) => {
        if (event.defaultPrevented || event.target instanceof HTMLInputElement || /** @type {Element} */ (event.target).closest('a')) return;
        here.value = id;
        if (choosable && event.shiftKey) extend(id);
        else if (choosable && count.value) toggle(id);
        else go(url);
      },
    },
    some && span(
      { role: 'gridcell', class: 'tasks-check' },
      choosable && input({
        type: 'checkbox', tabIndex: -1, 'aria-label': t('tasks.choose', { prompt }), checked: isChosen,
        onClick: (event) => {
          event.stopPropagation();
          if (event.shiftKey) extend(id);
          else toggle(id);
        },
      }),
    ),
    span({ role: 'gridcell', class: 'tasks-time' }, h(When, { at: row.created_at })),
    span({ role: 'gridcell', class: 'tasks-status' }, h(Status, { standing: standingOf(row) }), h(Aside, { row })),
    span(
      { role: 'gridcell', class: 'tasks-prompt' },
      span({ class: 'tasks-thumb', 'aria-hidden': 'true' }, row.url && /image|video/.test(row.kind) && h(Thumb, { url: row.url, alt: '', width: 40 })),
      a({ ...link(url), tabIndex: -1, class: row.prompt === null ? 'tasks-strange' : '' }, prompt),
    ),
    span({ role: 'gridcell', class: 'tasks-model', title: row.model }, row.route ?? row.model),
    span({ role: 'gridcell', class: 'tasks-pictures' }, row.images ? `${row.kept}/${row.images}` : ''),
    span({ role: 'gridcell', class: 'tasks-wait' }, wait_s === null ? '' : duration(wait_s)),
    span({ role: 'gridcell', class: 'tasks-took' }, took_s === null ? '' : duration(took_s)),
    span({ role: 'gridcell', class: 'tasks-cost' }, moneyOf(row)),
    span({ role: 'gridcell', class: 'tasks-billed' }, !isOpen(row) && h(Billed, { billed: row.billed })),
  );
}

/** What is said beside the status: why it waits, how far it is, why it failed. @param {{ row: Row }} props */
function Aside({ row }) {
  const { status } = row;
  const text =
    status === 'pending' || status === 'scheduled' ? whyOf(row)
    : status === 'processing' ? `${Math.round(row.progress * 100)} %`
    : row.missing && status === 'completed' ? t('tasks.missing', { n: row.missing })
    : (status === 'failed' && row.error_code && row.error_code !== 'outcome_unknown' && plainly({ code: row.error_code, message: row.error_code }, row.provider)) || '';
  return text ? span({ class: 'tasks-aside', title: typeof text === 'string' ? text : undefined }, text) : null;
}

/** What it cost, and what it may have cost beside that. @param {Row} row */
function moneyOf({ cost, in_doubt: doubt, status }) {
  if (!doubt.length || isOpen({ status })) return cost ? costText(cost) : '';
  const possible = t('tasks.doubt', { amount: moneyText(doubt) });
  return cost && Number(cost.amount) ? `${moneyText([cost])} + ${possible}` : possible;
}

/** @param {string} from @param {string} to */
const seconds = (from, to) => Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);
