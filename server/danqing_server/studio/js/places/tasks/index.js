/** Tasks: what was asked for, how each stands, and what it cost; the filter is the URL. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { div, h, h1, section, table, tbody, td, th, thead, tr } from '../../dom.js';
import { api } from '../../api.js';
import { t } from '../../i18n.js';
import { route, setQuery } from '../../router.js';
import { Button } from '../../ui/button.js';
import { Empty } from '../../ui/empty.js';
import { Segments, TextField } from '../../ui/field.js';
import { costText } from '../../ui/money.js';
import { Problem } from '../../ui/problem.js';
import { Skeleton } from '../../ui/skeleton.js';
import { Billed, standingOf, Status } from '../../ui/status.js';
import { Moment } from '../../ui/time.js';

export { texts } from './texts.js';

/**
 * @typedef {{ id: string, status: string, prompt: string | null, model: string, images: number, kept: number, billed: string,
 *   created_at: string, cost: { amount: string, currency: string, estimated?: boolean } | null }} Row
 * @typedef {{ tasks: Row[], next_cursor: string | null }} Page
 */

const STANDINGS = /** @type {const} */ (['all', 'pending', 'processing', 'completed', 'failed', 'cancelled']);

export default function Tasks() {
  const { status, q } = route.value.query;
  const rows = useSignal(/** @type {Row[] | null} */ (null));
  const cursor = useSignal(/** @type {string | null} */ (null));
  const wrong = useSignal(/** @type {unknown} */ (null));
  /** @param {string | null} after @param {() => boolean} stale */
  const load = (after, stale = () => false) =>
    api.get('/tasks', { status: status || undefined, q: q || undefined, cursor: after ?? undefined }).then(
      (found) => {
        if (stale()) return;
        const page = /** @type {Page} */ (found);
        rows.value = after ? [...(rows.value ?? []), ...page.tasks] : page.tasks;
        cursor.value = page.next_cursor;
        wrong.value = null;
      },
      (error) => { if (!stale()) wrong.value = error; },
    );
  useEffect(() => {
    let over = false;
    load(null, () => over);
    return () => { over = true; };
  }, [status, q]);
  const found = rows.value;
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
    wrong.value ? h(Problem, { error: wrong.value }) : null,
    !found ? !wrong.value && h(Skeleton, { lines: 8 }) : found.length ? h(Rows, { rows: found }) : h(Empty, { title: t(status || q ? 'tasks.none' : 'tasks.empty') }),
    cursor.value && h(Button, { text: t('tasks.more'), onClick: () => void load(cursor.value) }),
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
