/** Many tasks retried, cancelled, moved or deleted: first what it means, then how far it is, then what was not done. */

import { signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { api } from '../../api.js';
import { div, h, input, label, li, p, progress, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { tellGone } from '../../gone.js';
import { useAsked } from '../../ui/asking.js';
import { Button } from '../../ui/button.js';
import { Dialog } from '../../ui/dialog.js';
import { TextField } from '../../ui/field.js';
import { moneyText } from '../../ui/money.js';
import { Problem, Skeleton } from '../../ui/states.js';
import { all, chosen, meant } from './choosing.js';
import { count } from './store.js';

/** @typedef {'retry' | 'cancel' | 'delete' | 'priority'} Act */
/** @typedef {import('../../types/api.d.ts').Bulk} Told */
/** @typedef {{ act: Act, of: { ids: string[] } | { filter: Record<string, unknown> }, priority?: string }} Wish */
/** @typedef {{ seen: number, done: string[], refused: import('../../types/api.d.ts').BulkOutcome[], over: boolean }} Run */

const AT_ONCE = 50;
const TYPED_ABOVE = 100;
const MOST_TOLD = 20;

/** @type {import('@preact/signals').Signal<Wish | null>} */
const asked = signal(null);

/** Ask what it means first. @param {Act} act @param {string} [priority] */
export function begin(act, priority) {
  const of = meant();
  if (of) asked.value = { act, of, priority };
}

export const BulkDialog = () => asked.value && h(Asking, { wish: asked.value, key: asked.value.act });

/** @param {{ wish: Wish }} props */
function Asking({ wish }) {
  const { act, of } = wish;
  const again = useSignal(0);
  const unknown = useSignal(false);
  const typed = useSignal('');
  const run = useSignal(/** @type {Run | null} */ (null));
  const wrong = useSignal(/** @type {unknown} */ (null));
  const stopped = useRef(false);
  const terms = { ...(wish.priority ? { priority: wish.priority } : {}), ...(act === 'retry' ? { include_unknown: unknown.value } : {}) };
  const told = useAsked(() => /** @type {Promise<Told>} */ (api.post(`/tasks/${act}`, { ...of, ...terms, dry_run: true })), [unknown.value, again.value]);
  useEffect(() => () => { stopped.current = true; }, []);

  const close = () => (asked.value = null);
  const start = async () => {
    run.value = { seen: 0, done: [], refused: [], over: false };
    wrong.value = null;
    try {
      for await (const part of parts(act, of, terms, told.data?.expect)) {
        run.value = after(run.value, part);
        if (stopped.current) break;
      }
    } catch (error) {
      wrong.value = error;
    }
    const { done, refused } = run.value;
    run.value = wrong.value && !done.length ? null : { ...run.value, over: true };
    if (!run.value) return;
    const isDone = new Set(done);
    settle(act, done, 'ids' in of ? of.ids.filter((id) => !isDone.has(id)) : refused.map((each) => each.id));
  };

  const possible = told.data?.possible ?? 0;
  const word = possible > TYPED_ABOVE ? String(possible) : '';
  return h(
    Dialog,
    {
      title: t(`tasks.bulk.${act}`),
      onClose: close,
      actions: run.value
        ? run.value.over ? [h(Button, { text: t('ui.close'), kind: 'primary', onClick: close })] : [h(Button, { text: t('tasks.bulk.stop'), onClick: () => (stopped.current = true) })]
        : [
            h(Button, { text: t('tasks.bulk.leave'), onClick: close }),
            h(Button, {
              text: t(`tasks.bulk.do.${act}`, { n: possible }), kind: act === 'retry' || act === 'priority' ? 'primary' : 'danger',
              disabled: !possible || (!!word && typed.value.trim() !== word), onClick: () => void start(),
            }),
          ],
    },
    !!(wrong.value ?? told.error) && h(Problem, { error: wrong.value ?? told.error, onRetry: run.value ? undefined : () => { wrong.value = null; again.value++; } }),
    run.value ? h(Progress, { run: run.value, of: Math.max(told.data?.matched ?? 0, run.value.seen) }) : told.data ? h(Meaning, { wish, told: told.data, unknown }) : !told.error && h(Skeleton, { lines: 2 }),
    !run.value && !!word && h(TextField, { id: 'bulk-word', label: t('ui.type_to_confirm', { word }), value: typed.value, onInput: (value) => (typed.value = value), autocomplete: 'off', inputmode: 'numeric' }),
  );
}

/** @param {Run} run @param {Told} part @returns {Run} */
const after = (run, part) => ({
  seen: run.seen + part.matched,
  done: [...run.done, ...part.results.filter((each) => each.done).map((each) => each.id)],
  refused: [...run.refused, ...part.results.filter((each) => !each.done)],
  over: false,
});

/**
 * Do it, part by part, and only what the dry run told of: later parts say when it looked, and no number any more.
 *
 * @param {Act} act
 * @param {Wish['of']} of
 * @param {Record<string, unknown>} terms
 * @param {Told['expect']} expect
 * @returns {AsyncGenerator<Told>}
 */
async function* parts(act, of, terms, expect) {
  const since = { as_of: expect?.as_of };
  if ('ids' in of) {
    for (let left = of.ids; left.length; ) {
      const told = /** @type {Told} */ (await api.post(`/tasks/${act}`, { ids: left.slice(0, AT_ONCE), ...terms, expect: since }));
      left = [...(told.left ?? []), ...left.slice(AT_ONCE)];
      yield told;
    }
    return;
  }
  let cursor = null;
  do {
    const told = /** @type {Told} */ (await api.post(`/tasks/${act}`, { ...of, ...terms, limit: AT_ONCE, cursor, expect: cursor ? since : expect }));
    cursor = told.next_cursor;
    yield told;
  } while (cursor);
}

/** What was not done stays chosen. @param {Act} act @param {string[]} done @param {string[]} left */
function settle(act, done, left) {
  all.value = false;
  chosen.value = new Set(left.slice(0, 500));
  if (act === 'delete') tellGone(done);
  else void count();
}

/** @param {{ wish: Wish, told: Told, unknown: import('@preact/signals').Signal<boolean> }} props */
const Meaning = ({ wish: { act, priority }, told, unknown }) =>
  div(
    { class: 'bulk' },
    (told.possible > 0 || !told.unknown) && p({ class: 'bulk-count' }, t(told.possible ? `tasks.bulk.count.${act}` : 'tasks.bulk.none', { n: told.possible, priority: priority ? t(`tasks.${priority}`) : '' })),
    told.possible > 0 && told.matched > told.possible && p({ class: 'bulk-rest' }, t('tasks.bulk.rest', { n: told.matched - told.possible })),
    told.complete === false && p({ class: 'bulk-rest' }, t('tasks.bulk.first', { n: told.matched })),
    act === 'retry' && told.possible > 0 && p(null, priceText(told)),
    act === 'retry' && !!told.unknown && label(
      { class: 'bulk-unknown' },
      input({ type: 'checkbox', checked: unknown.value, onChange: (event) => (unknown.value = event.currentTarget.checked) }),
      t('tasks.bulk.unknown', { n: told.unknown }),
    ),
    act === 'cancel' && told.possible > 0 && p({ class: 'bulk-rest' }, t('tasks.bulk.cancel_note')),
    act === 'delete' && told.possible > 0 && p({ class: 'bulk-rest' }, t('tasks.bulk.delete_note')),
  );

/** @param {Told} told */
function priceText({ amounts = [], at_most: most = [] }) {
  if (!amounts.length) return t(most.length ? 'tasks.bulk.free' : 'tasks.bulk.no_price');
  const [amount, at_most] = [moneyText(amounts), moneyText(most)];
  return t(amount === at_most ? 'tasks.bulk.costs' : 'tasks.bulk.costs_most', { amount, at_most });
}

/** @param {{ run: Run, of: number }} props */
const Progress = ({ run, of }) =>
  div(
    { class: 'bulk' },
    progress({ value: run.over ? of : run.seen, max: of || 1, 'aria-label': t('tasks.bulk.progress') }),
    p({ class: 'bulk-count', role: 'status' }, t(run.over ? 'tasks.bulk.done' : 'tasks.bulk.so_far', { n: run.done.length, of })),
    run.refused.length > 0 && p(null, t('tasks.bulk.refused', { n: run.refused.length })),
    ul({ class: 'bulk-refused' }, run.refused.slice(0, MOST_TOLD).map((each) => li({ key: each.id }, `${each.message} · ${each.id}`))),
  );
