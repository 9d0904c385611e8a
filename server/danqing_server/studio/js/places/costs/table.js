/** The same numbers as a table, the last row its sum. A name that is chosen shows in the chart what was its. */

import { a, button, div, h, table, tbody, td, tfoot, th, thead, tr } from '../../dom.js';
import { dayOf, number } from '../../format.js';
import { t } from '../../i18n.js';
import { link, setQuery, withQuery } from '../../router.js';
import { Money } from '../../ui/money.js';
import { stepName } from './chart.js';
import { as, lengthOf, stepOf } from './periods.js';

/** @typedef {import('../../types/api.d.ts').Series} Series */
/** @typedef {import('../../types/api.d.ts').Spent} Spent */
/** @typedef {import('../../types/api.d.ts').SeriesGroup} Group */

const COLUMNS = /** @type {const} */ (['settled', 'unknown', 'lost', 'pictures', 'completed', 'failed']);

/** @param {{ head: string, rows: { key: string, name: import('preact').ComponentChildren, row: Spent }[], total: Spent }} props */
const Sums = ({ head, rows, total }) =>
  div(
    { class: 'costs-table', tabIndex: 0, role: 'region', 'aria-label': head },
    table(
      null,
      thead(null, tr(null, th({ scope: 'col' }, head), COLUMNS.map((each) => th({ scope: 'col', class: 'number', key: each }, t(`costs.${each}`))))),
      tbody(null, rows.map(({ key, name, row }) => h(Line, { key, name, row }))),
      tfoot(null, h(Line, { name: t('costs.total'), row: total })),
    ),
  );

/** @param {{ name: import('preact').ComponentChildren, row: Spent }} props */
const Line = ({ name, row }) =>
  tr(
    null,
    th({ scope: 'row' }, name),
    h(Amount, { amount: row.settled, currency: row.currency }),
    h(Amount, { amount: row.unknown, currency: row.currency, name: 'costs-amber' }),
    h(Amount, { amount: row.lost, currency: row.currency, name: 'costs-bad' }),
    [row.pictures, row.completed, row.failed].map((count, place) => td({ class: 'number', key: place }, number(count))),
  );

/** @param {{ amount: string, currency: string | null, name?: string }} props */
const Amount = ({ amount, currency, name }) =>
  td({ class: name && Number(amount) ? `number ${name}` : 'number' }, currency && Number(amount) ? h(Money, { amount, currency }) : '–');

/** By step of the time; a month leads to its days, a day to its hours. @param {{ series: Series, total: Spent, period: string }} props */
export function Steps({ series, total, period }) {
  const by = stepOf(period);
  const rows = series.steps.filter((each) => each.currency === total.currency).map((row) => {
    const name = stepName(row.start, by);
    return { key: row.start, row, name: by === 'hour' ? name : a({ ...link(withQuery({ period: inside(period, row.start) })) }, name) };
  });
  return h(Sums, { head: t(`costs.by_${by}`), rows, total });
}

/** The step that begins at *start*, as a period of its own. @param {string} period @param {string} start */
export const inside = (period, start) => as(dayOf(start), lengthOf(period) === 'year' ? 'month' : 'day');

/** @param {{ series: Series, total: Spent, group: string, chosen: string | null }} props */
export function Groups({ series, total, group, chosen }) {
  const rows = series.groups.filter((each) => each.currency === total.currency).map((row) => ({
    key: `${row.others} ${row.name}`, row, name: row.name === null ? t(row.others ? 'costs.others' : `costs.no_${group}`, { n: row.others }) : h(Name, { name: row.name, chosen }),
  }));
  return h(Sums, { head: t(`costs.by_${group}`), rows, total });
}

/** @param {{ name: string, chosen: string | null }} props */
const Name = ({ name, chosen }) =>
  button({ type: 'button', class: 'costs-name', 'aria-pressed': name === chosen, title: t('costs.show'), onClick: () => setQuery({ name: name === chosen ? null : name }, { replace: true }) }, name);
