/** Costs: what this month came to, by model, day or person. The server sums; what is uncertain stands apart. */

import { a, div, h, h1, section, span, table, tbody, td, tfoot, th, thead, tr } from '../../dom.js';
import { addressOf, api } from '../../api.js';
import { number } from '../../format.js';
import { t } from '../../i18n.js';
import { route, setQuery } from '../../router.js';
import { useAsked } from '../../ui/asking.js';
import { Empty } from '../../ui/empty.js';
import { Segments } from '../../ui/field.js';
import { Money } from '../../ui/money.js';
import { Problem } from '../../ui/problem.js';
import { Skeleton } from '../../ui/skeleton.js';

export { texts } from './texts.js';

/** @typedef {import('../../types/api.d.ts').Usage} Usage */
/** @typedef {import('../../types/api.d.ts').UsageRow} Row */

const GROUPS = /** @type {const} */ (['model', 'day', 'user']);

/** @returns {typeof GROUPS[number]} */
const groupOf = () => GROUPS.find((each) => each === route.value.query.group) ?? 'model';

export default function Costs() {
  const group = groupOf();
  const asked = useAsked(() => /** @type {Promise<Usage>} */ (api.get('/usage', { group_by: group })), [group]);
  const usage = asked.data;
  return section(
    { class: 'page' },
    div(
      { class: 'page-head' },
      h1({ class: 'page-title' }, t('place.costs')),
      h(Segments, {
        label: t('costs.group'), name: 'group', value: group, onChange: (/** @type {string} */ chosen) => setQuery({ group: chosen }),
        choices: GROUPS.map((each) => /** @type {const} */ ([each, t(`costs.by_${each}`)])),
      }),
      a({ class: 'button button-normal', download: 'usage.csv', href: addressOf('/usage', { group_by: group, format: 'csv' }) }, t('costs.csv')),
    ),
    asked.error ? h(Problem, { error: asked.error }) : null,
    !usage ? !asked.error && h(Skeleton, { lines: 6 }) : usage.rows.length ? h(Table, { usage, group }) : h(Empty, { title: t('costs.empty'), text: t('costs.empty_text') }),
  );
}

/** @param {{ usage: Usage, group: typeof GROUPS[number] }} props */
const Table = ({ usage, group }) =>
  div(
    { class: 'costs-table', tabIndex: 0, role: 'region', 'aria-label': t('place.costs') },
    table(
      null,
      thead(null, tr(null, ['name', 'pictures', 'settled', 'unknown', 'failed'].map((each) => th({ scope: 'col', key: each }, t(each === 'name' ? `costs.by_${group}` : `costs.${each}`))))),
      tbody(null, usage.rows.map((row, n) => h(Line, { row, name: row[group] ?? t('costs.nobody'), key: n }))),
      tfoot(null, usage.totals.map((row, n) => h(Line, { row, name: t('costs.total'), key: n }))),
    ),
    span({ class: 'costs-zone' }, t('costs.zone', { zone: usage.tz })),
  );

/** @param {{ row: Row, name: string }} props */
const Line = ({ row, name }) =>
  tr(
    null,
    th({ scope: 'row' }, name),
    td(null, number(row.pictures)),
    td(null, row.currency ? h(Money, { amount: row.settled, currency: row.currency }) : '–'),
    td({ class: Number(row.unknown) ? 'costs-uncertain' : undefined }, row.currency ? h(Money, { amount: row.unknown, currency: row.currency }) : '–'),
    td(null, number(row.failed)),
  );
