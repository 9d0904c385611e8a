/** One task among today's: its pictures as they come, what is missing and why, and what can be done. */

import { api, newKey } from '../../api.js';
import { a, article, div, h, p, progress, span } from '../../dom.js';
import { duration } from '../../format.js';
import { t } from '../../i18n.js';
import { tell } from '../../live.js';
import { Count, Pictures, Waits, Why, keptOf } from '../../results.js';
import { link, withQuery } from '../../router.js';
import { notify } from '../../ui/announce.js';
import { useAct } from '../../ui/asking.js';
import { Button } from '../../ui/button.js';
import { costText } from '../../ui/money.js';
import { messageOf } from '../../ui/states.js';
import { Status, isOpen, standingOf } from '../../ui/status.js';
import { When, now } from '../../ui/time.js';
import { reuse } from './reuse.js';
import { taskOf } from './today.js';

/** @param {{ id: string, place: number }} props */
export default function Card({ id, place }) {
  const task = taskOf(id).value;
  const prompt = task.input?.prompt ?? task.prompt ?? '';
  const failed = task.status === 'failed' || task.status === 'cancelled';
  return article(
    { class: `result result-${task.status}`, 'aria-label': prompt || id },
    div(
      { class: 'result-head' },
      a({ ...link(withQuery({ task: id })), class: 'result-prompt', title: prompt }, prompt || id),
      span({ class: 'result-at' }, h(When, { at: task.created_at })),
    ),
    h(Pictures, { task, eager: place < 2 }),
    div(
      { class: 'result-foot' },
      h(Status, { standing: standingOf(task) }),
      h(Count, { task }),
      h(Took, { task }),
      task.cost && (isOpen(task) || task.billed !== 'unknown') && span({ class: 'money' }, costText(isOpen(task) ? task.cost : { ...task.cost, at_most: undefined })),
      div({ class: 'result-tools' }, h(Tools, { task })),
    ),
    isOpen(task) && task.status !== 'processing' && h(Waits, { id: task.id, rarely: place > 8 }),
    failed && h(Why, { error: task.error, provider: task.provider, billed: task.billed }),
    !failed && (task.output?.errors ?? []).map((/** @type {any} */ error) => h(Why, { key: error.index, error, provider: task.provider, billed: error.billed, index: error.index })),
    (task.notes ?? []).map((/** @type {string} */ note) => p({ class: 'field-help', key: note }, note)),
  );
}

/** @param {{ task: any }} props */
function Took({ task }) {
  if (!task.started_at) return null;
  const end = task.completed_at ? Date.parse(task.completed_at) : now.value;
  const seconds = Math.max(0, (end - Date.parse(task.started_at)) / 1000);
  return [span({ key: 'took' }, duration(seconds)), task.status === 'processing' && task.progress > 0 && progress({ key: 'bar', value: task.progress, max: 1, 'aria-label': t('result.progress') })];
}

/** What another try costs is told by the sheet, before anything is bought. @param {{ task: any }} props */
function Tools({ task }) {
  const stop = useAct(() => api.post(`/tasks/${task.id}/cancel`, undefined, { key: newKey() }).then(tell, (error) => notify(messageOf(error), { kind: 'wrong' })));
  const missing = (task.output?.errors ?? []).length;
  const again = task.error?.retryable !== false && task.billed !== 'unknown';
  const href = withQuery({ task: task.id, ask: 'retry' });
  return [
    isOpen(task) && h(Button, { key: 'stop', text: t(keptOf(task) || task.status === 'processing' ? 'result.stop_rest' : 'result.stop'), kind: 'plain', busy: stop.busy, onClick: () => void stop.run() }),
    task.status === 'completed' && missing > 0 && h(Button, { key: 'missing', text: t('result.paint_missing', { n: missing }), href }),
    task.status === 'failed' && again && h(Button, { key: 'again', text: t('app.retry'), kind: 'plain', href }),
    task.status === 'failed' && task.billed === 'unknown' && h(Button, { key: 'look', text: t('result.look'), kind: 'plain', href: withQuery({ task: task.id }) }),
    !isOpen(task) && h(Button, { key: 'reuse', text: t('result.edit_prompt'), icon: 'reuse', kind: 'plain', onClick: () => void reuse(task.id) }),
  ];
}
