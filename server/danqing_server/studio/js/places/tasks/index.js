/** Tasks: what was asked for, how each stands, and what it cost; the filter is the URL. */

import { div, h, h1, section, table, tbody, td, th, thead, tr } from '../../dom.js';
import { t } from '../../i18n.js';
import { route, setQuery } from '../../router.js';
import { useAct, usePages } from '../../ui/asking.js';
import { Button } from '../../ui/button.js';
import { Empty } from '../../ui/empty.js';
import { Segments, TextField } from '../../ui/field.js';
import { costText } from '../../ui/money.js';
import { Problem } from '../../ui/problem.js';
import { Skeleton } from '../../ui/skeleton.js';
import { Billed, standingOf, Status } from '../../ui/status.js';
import { Moment } from '../../ui/time.js';

export { texts } from './texts.js';

/** @typedef {import('../../types/api.d.ts').TaskRow} Row */

const STANDINGS = /** @type {const} */ (['all', 'pending', 'processing', 'completed', 'failed', 'cancelled']);

export default function Tasks() {
  const { status, q } = route.value.query;
  const asked = usePages('/tasks', 'tasks', { status: status || undefined, q: q || undefined });
  const more = useAct(async () => asked.further?.());
  const [found, wrong] = [asked.data, asked.error ?? more.error];
  return section(
    { class: 'page' },
    div(
      { class: 'page-head' },
      h1({ class: 'page-title' }, t('place.tasks')),
      h(Segments, {
        label: t('tasks.status'), name: 'status', value: STANDINGS.find((each) => each === status) ?? 'all',
        onChange: (/** @type {string} */ chosen) => setQuery({ status: chosen === 'all' ? '' : chosen }),
        choices: STANDINGS.map((each) => /** @type {const} */ ([each, t(each === 'all' ? 'tasks.all' : `status.${each}`)])),
      }),
    ),
    h(TextField, { id: 'tasks-q', label: t('tasks.search'), value: q ?? '', type: 'search', onInput: (text) => setQuery({ q: text }, { replace: true }) }),
    wrong ? h(Problem, { error: wrong }) : null,
    !found ? !wrong && h(Skeleton, { lines: 8 }) : found.length ? h(Rows, { rows: found }) : h(Empty, { title: t(status || q ? 'tasks.none' : 'tasks.empty') }),
    asked.further && h(Button, { text: t('tasks.more'), onClick: () => void more.run() }),
  );
}

/** @param {{ rows: Row[] }} props */
const Rows = ({ rows }) =>
  div(
    { class: 'tasks-table', tabIndex: 0, role: 'region', 'aria-label': t('place.tasks') },
    table(
      null,
      thead(null, tr(null, ['time', 'status', 'prompt', 'model', 'pictures', 'cost', 'billed'].map((each) => th({ scope: 'col', key: each }, t(`tasks.${each}`))))),
      tbody(null, rows.map((row) => tr(
        { key: row.id },
        td(null, h(Moment, { at: row.created_at })),
        td(null, h(Status, { standing: standingOf(row) })),
        td({ class: 'tasks-prompt' }, row.prompt ?? t('tasks.others')),
        td(null, row.model),
        td(null, `${row.kept}/${row.images}`),
        td(null, costText(row.cost)),
        td(null, h(Billed, { billed: row.billed })),
      ))),
    ),
  );
