/** One task, over any place, at `?task=<id>`: what came of it, what it cost, why it waits, and what can be done. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { ApiError, api } from '../api.js';
import { code, div, h, p, span } from '../dom.js';
import { money } from '../format.js';
import { locale, t } from '../i18n.js';
import { onTask } from '../live.js';
import { Count, Pictures, Waits } from '../results.js';
import { goBack, route } from '../router.js';
import { isForeign, may, oversees } from '../session.js';
import { announce } from '../ui/announce.js';
import { CopyButton } from '../ui/copy.js';
import { Dialog } from '../ui/dialog.js';
import { Empty, Problem, Skeleton } from '../ui/states.js';
import { Billed, Status, isOpen, standingOf } from '../ui/status.js';
import { Acts, Copies, mayTryAgain } from './acts.js';
import { Asked, Facts } from './facts.js';
import { Timeline } from './timeline.js';
import { Verdict } from './verdict.js';

/** @typedef {import('../types/api.d.ts').Task} Task */

const LOOK_MS = 5_000;

/** The task, looked at again whenever the stream tells of it, and now and then while it goes on. @param {string} id */
function useTask(id) {
  const task = useSignal(/** @type {Task | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  const look = useSignal(async () => {});
  useEffect(() => {
    let over = false;
    let [asked, newest] = [0, 0];
    task.value = task.peek()?.id === id ? task.peek() : null;
    error.value = null;
    look.value = async () => {
      const own = ++asked;
      try {
        const found = await api.get(`/tasks/${id}`);
        if (over || own < newest) return;
        newest = own;
        const before = task.peek();
        if (before && isOpen(before) && !isOpen(found)) announce(t(`status.${standingOf(found)}`));
        task.value = found;
        error.value = null;
      } catch (thrown) {
        if (!over && own > newest) error.value = thrown;
      }
    };
    const again = () => void look.peek()();
    const stop = onTask((told) => {
      if (told.id === id && told.updated_at !== task.peek()?.updated_at) again();
    });
    const timer = setInterval(() => {
      if (!document.hidden && task.peek() && isOpen(/** @type {Task} */ (task.peek()))) again();
    }, LOOK_MS);
    again();
    return () => {
      over = true;
      stop();
      clearInterval(timer);
    };
  }, [id, locale.value]);
  return { task: task.value, error: error.value, look: look.value };
}

/**
 * What another try would cost, as the server reckons; null: not known, not to be tried, or not asked for.
 *
 * @param {Task | null} task
 */
function usePreview(task) {
  const told = useSignal(/** @type {import('../types/api.d.ts').Bulk | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  const wanted = task && may('generate') && mayTryAgain(task) ? `${task.id} ${task.updated_at}` : '';
  const ask = () => {
    error.value = null;
    api.post('/tasks/retry', { ids: [task?.id], dry_run: true, include_unknown: true }).then((found) => (told.value = found), (thrown) => (error.value = thrown));
  };
  useEffect(() => {
    told.value = null;
    if (wanted) ask();
  }, [wanted]);
  const [price, most] = [told.value?.amounts, told.value?.at_most].map((all = []) => all.map((each) => money(each.amount, each.currency)).join(' + '));
  return { told: told.value, error: error.value, ask, price, most };
}

/** @typedef {ReturnType<typeof usePreview>} Preview */

/** Whether the task is another project's, which an operator may read and nothing else; null: not known yet. @param {Task | null} task */
function useForeign(task) {
  const foreign = useSignal(/** @type {boolean | null} */ (null));
  const id = task?.id;
  useEffect(() => {
    foreign.value = oversees() ? null : false;
    if (id && oversees()) api.get(`/tasks/${id}/explain`).then((found) => (foreign.value = isForeign(found.project)), () => {});
  }, [id]);
  return foreign.value;
}

export const close = () => goBack({ task: null, ask: null });

export default function Sheet() {
  const { task: id = '' } = route.value.query;
  const { task, error, look } = useTask(id);
  const foreign = useForeign(task);
  const preview = usePreview(task);
  const gone = error instanceof ApiError && error.status === 404;
  return h(
    Dialog,
    {
      title: t('sheet.title'), shape: 'side', class: 'sheet', keys: 'sheet', onClose: close,
      actions: task && !gone && foreign === false ? h(Acts, { key: id, task, preview, look, onGone: close }) : undefined,
    },
    div({ class: 'sheet-id' }, code(null, id), h(CopyButton, { text: id, label: t('sheet.copy_id'), bare: true, kind: 'plain' })),
    gone ? h(Empty, { title: t('sheet.gone'), text: t('sheet.gone_text') })
    : [
      !!error && h(Problem, { key: 'error', error, onRetry: () => void look() }),
      task ? h(Found, { key: id, task, foreign: !!foreign, price: preview.price }) : !error && h(Skeleton, { key: 'wait', lines: 5, tiles: 2 }),
    ],
  );
}

/** @param {{ task: Task, foreign: boolean, price: string }} props */
const Found = ({ task, foreign, price }) =>
  div(
    { class: 'sheet-found' },
    div(
      { class: 'sheet-stands' },
      h(Status, { standing: standingOf(task) }),
      h(Count, { task }),
      h(Billed, { billed: task.billed }),
      task.sandbox && span({ class: 'sheet-simulated' }, t('sheet.sandbox')),
    ),
    foreign && p({ class: 'field-help' }, t('sheet.foreign')),
    h(Verdict, { task, price }),
    isOpen(task) && task.status !== 'processing' && h(Waits, { id: task.id }),
    h(Pictures, { task, eager: true }),
    h(Asked, { task }),
    h(Facts, { task }),
    h(Timeline, { task }),
    h(Copies, { task }),
  );
