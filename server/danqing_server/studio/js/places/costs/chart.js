/** What each step of the time came to: certain below, uncertain above it, and of a name that is chosen how much was its. */

import { div, figcaption, figure, fragment, g, h, li, line, ol, rect, span, svg, svgTitle } from '../../dom.js';
import { money, written } from '../../format.js';
import { t } from '../../i18n.js';
import { stepOf } from './periods.js';

/** @typedef {import('../../types/api.d.ts').Series} Series */
/** @typedef {{ start: string, settled: string, unknown: string, own: number | null }} Column amounts as the server said them */

const WIDE = 10;
const HIGH = 100;
const LABELS = 8;

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const TICKS = { month: { month: 'short' }, day: { day: 'numeric' }, hour: { hour: '2-digit' } };

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const NAMES = { month: { year: 'numeric', month: 'long' }, day: { month: 'long', day: 'numeric', weekday: 'short' }, hour: { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' } };

/** The name of a step. @param {string} start @param {string} by */
export const stepName = (start, by) => written(NAMES[by] ?? {}, start);

/**
 * The columns of a chart, one for each step of the time.
 *
 * @param {Series} series
 * @param {string} currency
 * @param {string | null} name that is chosen
 * @returns {Column[]}
 */
export function columnsOf(series, currency, name) {
  const steps = new Map(series.steps.filter((each) => each.currency === currency).map((each) => [each.start, each]));
  const cells = new Map(series.cells.filter((each) => each.currency === currency && each.name === name && !each.others).map((each) => [each.start, each]));
  return series.starts.map((start) => {
    const step = steps.get(start);
    const cell = cells.get(start);
    return { start, settled: step?.settled ?? '0.00', unknown: step?.unknown ?? '0.00', own: name === null ? null : cell ? Number(cell.settled) + Number(cell.unknown) : 0 };
  });
}

/** The least of these, with zeros, that is not below *most*. @param {number} most */
function topOf(most) {
  if (!(most > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(most));
  return unit * ([1, 2, 3, 4, 5, 6, 8].find((each) => each * unit >= most) ?? 10);
}

/** @param {{ columns: Column[], currency: string, period: string, name: string | null, onPick: ((start: string) => void) | null }} props */
export function Chart({ columns, currency, period, name, onPick }) {
  const by = stepOf(period);
  const top = topOf(Math.max(...columns.map((each) => Number(each.settled) + Number(each.unknown))));
  const every = Math.ceil(columns.length / LABELS);
  return figure(
    { class: 'costs-chart' },
    div(
      { class: 'costs-plot', 'aria-hidden': 'true' },
      [1, 0.5].map((part) => span({ class: part === 1 ? 'costs-top' : 'costs-middle', key: part }, money(String(Number((top * part).toPrecision(6))), currency))),
      svg(
        { viewBox: `0 0 ${columns.length * WIDE} ${HIGH}`, preserveAspectRatio: 'none', class: onPick ? 'costs-bars costs-pick' : 'costs-bars', focusable: 'false' },
        [0, HIGH / 2].map((y) => line({ key: y, class: 'costs-rule', x1: 0, x2: columns.length * WIDE, y1: y, y2: y })),
        columns.map((column, place) => h(Bar, { key: column.start, column, place, top, label: `${stepName(column.start, by)}: ${saidOf(column, currency)}`, onPick })),
      ),
      ol({ class: 'costs-ticks' }, columns.map(({ start }, place) => li({ key: start }, place % every ? '' : written(TICKS[by] ?? {}, start)))),
    ),
    figcaption(
      { class: 'costs-legend' },
      name === null
        ? fragment(span({ class: 'costs-key costs-key-certain' }, t('costs.settled')), span({ class: 'costs-key costs-key-uncertain' }, t('costs.unknown')))
        : fragment(span({ class: 'costs-key costs-key-own' }, name), span({ class: 'costs-key costs-key-rest' }, t('costs.rest'))),
    ),
  );
}

/** @param {Column} column @param {string} currency */
function saidOf({ settled, unknown }, currency) {
  const certain = money(settled, currency);
  return Number(unknown) ? t('costs.and_uncertain', { certain, uncertain: money(unknown, currency) }) : certain;
}

/** @param {{ column: Column, place: number, top: number, label: string, onPick: ((start: string) => void) | null }} props */
function Bar({ column, place, top, label, onPick }) {
  /** @param {string} name @param {number} from @param {number} amount */
  const part = (name, from, amount) => {
    const height = amount > 0 ? Math.max(1, (amount / top) * HIGH) : 0;
    return height ? rect({ class: name, x: place * WIDE + 1.5, width: WIDE - 3, y: HIGH - (from / top) * HIGH - height, height }) : null;
  };
  const [settled, unknown] = [Number(column.settled), Number(column.unknown)];
  return g(
    { class: 'costs-column', onClick: onPick ? () => onPick(column.start) : undefined },
    svgTitle(null, label),
    rect({ class: 'costs-behind', x: place * WIDE, width: WIDE, y: 0, height: HIGH }),
    column.own === null
      ? fragment(part('costs-certain', 0, settled), part('costs-uncertain', settled, unknown))
      : fragment(part('costs-rest', 0, settled + unknown), part('costs-own', 0, column.own)),
  );
}
