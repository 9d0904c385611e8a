/** The last hour: what finished above, what failed below, every two minutes; a table says the same. Nothing, when nothing ended. */

import { caption, div, figcaption, figure, h, rect, span, svg, table, tbody, td, th, thead, tr } from '../../dom.js';
import { t } from '../../i18n.js';

const BAR = 8;
const UP = 34;
const DOWN = 14;
const MINUTES = 2;

/** @param {{ finished: number[], failed: number[] }} props */
export function Strip({ finished, failed }) {
  const most = Math.max(1, ...finished, ...failed);
  const done = finished.reduce((sum, each) => sum + each, 0);
  const bad = failed.reduce((sum, each) => sum + each, 0);
  if (!done && !bad) return null;
  const width = finished.length * BAR;
  return figure(
    { class: 'strip' },
    svg(
      { viewBox: `0 0 ${width} ${UP + DOWN + 1}`, preserveAspectRatio: 'none', class: 'strip-bars', 'aria-hidden': 'true', focusable: 'false' },
      finished.map((count, place) => h(Bar, { key: `f${place}`, place, top: UP - height(count, most, UP), size: height(count, most, UP), name: 'strip-finished' })),
      failed.map((count, place) => h(Bar, { key: `b${place}`, place, top: UP + 1, size: height(count, most, DOWN), name: 'strip-failed' })),
      rect({ class: 'strip-line', x: 0, y: UP, width, height: 1 }),
    ),
    figcaption({ class: 'strip-text' }, span(null, t('queue.last_hour')), span(null, t('queue.ended', { done, bad }))),
    div({ class: 'unseen' }, h(Numbers, { finished, failed })),
  );
}

/**
 * @param {number} count
 * @param {number} most
 * @param {number} room
 */
const height = (count, most, room) => (count ? Math.max(2, (count / most) * room) : 0);

/** @param {{ place: number, top: number, size: number, name: string }} props */
const Bar = ({ place, top, size, name }) => (size ? rect({ class: name, x: place * BAR + 1, y: top, width: BAR - 2, height: size }) : null);

/** @param {{ finished: number[], failed: number[] }} props */
const Numbers = ({ finished, failed }) =>
  table(
    null,
    caption(null, t('queue.last_hour')),
    thead(null, tr(null, ['queue.minutes_ago', 'queue.finished', 'queue.failed'].map((name) => th({ scope: 'col', key: name }, t(name))))),
    tbody(
      null,
      finished.map((count, place) =>
        count || failed[place] ? tr({ key: place }, th({ scope: 'row' }, (finished.length - 1 - place) * MINUTES), td(null, count), td(null, failed[place])) : null,
      ),
    ),
  );
