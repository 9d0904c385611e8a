/** Costs: what a year, a month or a day came to, and for what. The server sums; what is uncertain stands apart. */

import { useEffect, useRef } from 'preact/hooks';

import { addressOf, api } from '../../api.js';
import { a, dd, details, div, dl, dt, fragment, h, h1, p, section, summary } from '../../dom.js';
import { number } from '../../format.js';
import { t } from '../../i18n.js';
import { onTask } from '../../live.js';
import { address, link, route, setQuery, withQuery } from '../../router.js';
import { may, me, zone } from '../../session.js';
import { useAsked } from '../../ui/asking.js';
import { Button } from '../../ui/button.js';
import { Segments, Switch } from '../../ui/field.js';
import { Money } from '../../ui/money.js';
import { Empty, Problem, Skeleton } from '../../ui/states.js';
import { today } from '../../ui/time.js';
import { Chart, columnsOf } from './chart.js';
import { Limits } from './limits.js';
import { as, first, later, lengthOf, nameOf, periodOf, stepOf } from './periods.js';
import { Groups, Steps, inside } from './table.js';

/** @typedef {import('../../types/api.d.ts').Series} Series */
/** @typedef {import('../../types/api.d.ts').Spent} Spent */
/** @typedef {import('../../types/api.d.ts').OwnKey} OwnKey */

const LENGTHS = /** @type {const} */ (['year', 'month', 'day']);
const GROUPS = /** @type {const} */ (['time', 'model', 'user', 'key', 'provider', 'project']);
const SOON_MS = 1_000;
const OPEN = ['pending', 'processing', 'scheduled'];

/** What is asked of the server: the same for the chart, the table and the sheet. */
function asked() {
  const { query } = route.value;
  const period = periodOf(query.period);
  const groups = GROUPS.filter((each) => each !== 'project' || !!me.value?.operator || !!me.value?.viewer || may('admin'));
  const group = groups.find((each) => each === query.group) ?? 'model';
  return {
    period, groups, group,
    wanted: { from: first(period), to: first(later(period, 1)), tz: zone.value, by: stepOf(period), group: group === 'time' ? null : group, sandbox: query.sandbox ? 'include' : null },
  };
}

export default function Costs() {
  const { period, groups, group, wanted } = asked();
  const { query } = route.value;
  const said = JSON.stringify(wanted);
  const found = useAsked(async () => ({ of: said, series: /** @type {Series} */ (await api.get('/stats/series', wanted)) }), [said]);
  const key = useAsked(() => /** @type {Promise<OwnKey | null>} */ (may('read') ? api.get('/key') : Promise.resolve(null)));
  const isOld = found.data?.of !== said; // a sum stands under no name but its own
  const series = isOld && found.error ? null : (found.data?.series ?? null);
  useFresh(series, () => (found.look(), key.look()));
  const limits = key.data?.limits ?? [];
  const near = limits.some((limit) => limit.warning);
  const currencies = series?.totals.flatMap((each) => each.currency ?? []) ?? [];
  const currency = currencies.find((each) => each === query.currency) ?? currencies[0];
  return section(
    { class: 'page costs' },
    div({ class: 'page-head' }, h1({ class: 'page-title' }, t('place.costs')), h(Time, { period })),
    div(
      { class: 'costs-tools' },
      h(Segments, { label: t('costs.group'), name: 'group', value: group, onChange: (/** @type {string} */ chosen) => setQuery({ group: chosen, name: null }), choices: groups.map((each) => /** @type {const} */ ([each, t(each === 'time' ? `costs.by_${stepOf(period)}` : `costs.by_${each}`)])) }),
      currencies.length > 1 && h(Segments, { label: t('costs.currency'), name: 'currency', value: currency ?? '', onChange: (/** @type {string} */ chosen) => setQuery({ currency: chosen, name: null }), choices: currencies.map((each) => /** @type {const} */ ([each, each])) }),
      h(Switch, { id: 'costs-sandbox', label: t('costs.sandbox'), on: !!query.sandbox, onChange: (on) => setQuery({ sandbox: on ? '1' : null }) }),
      a({ class: 'button button-normal costs-csv', download: '', href: addressOf('/stats/series', { ...wanted, format: 'csv' }) }, t('costs.csv')),
    ),
    found.error ? h(Problem, { error: found.error, onRetry: () => void found.look() }) : null,
    series && !series.complete && p({ class: 'costs-note', role: 'status' }, t('costs.catching_up')),
    near && h(Limits, { limits }),
    !series ? !found.error && h(Skeleton, { lines: 8 })
    : div({ class: 'costs-told', 'aria-busy': isOld }, series.totals.length ? h(Told, { series, currency, group, period }) : h(Nothing, { period, series })),
    !near && limits.length > 0 && h(Limits, { limits }),
    p({ class: 'costs-zone' }, t('costs.zone', { zone: zone.value }), ' ', a({ ...link(address('settings', {}, 'browser')) }, t('costs.change_zone'))),
  );
}

/** Look again when a task has ended, and while older ones are still being booked. @param {Series | null} series @param {() => void} look */
function useFresh(series, look) {
  const newest = useRef(look);
  newest.current = look;
  useEffect(() => {
    let timer = 0; // outlives what is drawn anew meanwhile
    const end = onTask((task) => {
      if (!OPEN.includes(task.status)) timer ||= setTimeout(() => ((timer = 0), newest.current()), SOON_MS);
    });
    return () => (end(), clearTimeout(timer));
  }, []);
  useEffect(() => {
    const timer = series && !series.complete ? setTimeout(look, SOON_MS) : 0;
    return () => clearTimeout(timer);
  }, [series]);
}

/** Which time, one before it, one after it, and longer or shorter ones. @param {{ period: string }} props */
function Time({ period }) {
  const now = as(today.value, lengthOf(period));
  /** @param {number} by */
  const to = (by) => () => setQuery({ period: later(period, by) });
  return div(
    { class: 'costs-time', role: 'group', 'aria-label': t('costs.time') },
    h(Segments, { label: t('costs.length'), name: 'length', value: lengthOf(period), onChange: (/** @type {typeof LENGTHS[number]} */ length) => setQuery({ period: as(period, length) }), choices: LENGTHS.map((each) => /** @type {const} */ ([each, t(`costs.${each}`)])) }),
    h(Button, { text: t('costs.before'), icon: 'arrow_left', bare: true, kind: 'plain', onClick: to(-1) }),
    div({ class: 'costs-period', role: 'status' }, nameOf(period)),
    h(Button, { text: t('costs.after'), icon: 'arrow_right', bare: true, kind: 'plain', disabled: period >= now, onClick: to(1) }),
  );
}

/** @param {{ series: Series, currency: string | undefined, group: string, period: string }} props */
function Told({ series, currency, group, period }) {
  const total = series.totals.find((each) => each.currency === currency);
  const free = series.totals.find((each) => each.currency === null);
  const without = free ? free.completed + free.failed + free.cancelled : 0;
  const chosen = (group !== 'time' && series.groups.find((each) => each.name === route.value.query.name)?.name) || null;
  const pick = lengthOf(period) === 'day' ? null : /** @param {string} start */ (start) => setQuery({ period: inside(period, start) });
  return fragment(
    total && currency && fragment(
      h(Figures, { series, total, currency }),
      h(Chart, { columns: columnsOf(series, currency, chosen), currency, period, name: chosen, onPick: pick }),
      group === 'time' ? h(Steps, { series, total, period }) : fragment(
        h(Groups, { series, total, group, chosen }),
        details({ class: 'costs-steps' }, summary(null, t('costs.as_table', { by: t(`costs.by_${stepOf(period)}`) })), h(Steps, { series, total, period })),
      ),
    ),
    without > 0 && p({ class: 'costs-note' }, t('costs.unpriced', { n: without })),
  );
}

/** @param {{ series: Series, total: Spent, currency: string }} props */
function Figures({ series, total, currency }) {
  const open = series.open.find((each) => each.currency === currency);
  return dl(
    { class: 'costs-figures' },
    h(Figure, { name: t('costs.settled'), amount: total.settled, currency, more: t('costs.for_pictures', { n: total.pictures }) }),
    Number(total.unknown) || total.in_doubt ? h(Figure, { kind: 'uncertain', name: t('costs.unknown'), amount: total.unknown, currency, more: t('costs.in_doubt', { n: total.in_doubt }), href: may('read') ? address('tasks', { billed: 'unknown' }) : undefined }) : null,
    Number(total.lost) ? h(Figure, { kind: 'lost', name: t('costs.lost'), amount: total.lost, currency, more: t('costs.lost_text') }) : null,
    open?.tasks ? h(Figure, { name: t('costs.open'), amount: open.reserved, currency, more: t('costs.open_text', { n: open.tasks }) }) : null,
  );
}

/** @param {{ name: string, amount: string, currency: string, more: string, kind?: string, href?: string }} props */
const Figure = ({ name, amount, currency, more, kind, href }) =>
  div({ class: kind ? `costs-figure costs-figure-${kind}` : 'costs-figure' }, dt(null, name), dd(null, h(Money, { amount, currency })), dd({ class: 'costs-more' }, href ? a({ ...link(href) }, more) : more));

/** Nothing was spent in this time, or nothing that was real. @param {{ period: string, series: Series }} props */
function Nothing({ period, series }) {
  const open = series.open.reduce((sum, each) => sum + each.tasks, 0);
  const sandbox = !!me.value?.sandbox && !route.value.query.sandbox;
  return h(Empty, {
    title: t('costs.empty', { period: nameOf(period) }),
    text: open ? t('costs.open_text', { n: number(open) }) : t(sandbox ? 'costs.empty_sandbox' : 'costs.empty_text'),
    action: sandbox ? h(Button, { text: t('costs.sandbox_show'), href: withQuery({ sandbox: '1' }) }) : may('generate') ? h(Button, { text: t('place.create'), href: address('create') }) : null,
  });
}
