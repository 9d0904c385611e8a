/** What can be done with a task, and told before it is: what it may cost, and what cannot be had back. */

import { useSignal } from '@preact/signals';
import { useLayoutEffect } from 'preact/hooks';

import { api, newKey } from '../api.js';
import { details, div, fragment, h, h3, input, label, p, pre, section, span, summary } from '../dom.js';
import { t } from '../i18n.js';
import { bind } from '../keys.js';
import { tellGone } from '../gone.js';
import { tell } from '../live.js';
import { curlOf, keptOf, requestOf } from '../results.js';
import { address, go, route, setQuery } from '../router.js';
import { may } from '../session.js';
import { announce, notify } from '../ui/announce.js';
import { useAct } from '../ui/asking.js';
import { Button, Menu } from '../ui/button.js';
import { CopyButton } from '../ui/copy.js';
import { Confirm } from '../ui/dialog.js';
import { Problem, Skeleton, messageOf } from '../ui/states.js';
import { isOpen } from '../ui/status.js';

/** @typedef {import('../types/api.d.ts').Task} Task */
/** @typedef {import('./index.js').Preview} Preview */

const PRIORITIES = /** @type {const} */ (['high', 'normal', 'low']);

/** Whether a task can be queued again: one that came to nothing, or that lacks something. @param {Task} task */
export const mayTryAgain = ({ status, output }) => status === 'failed' || status === 'cancelled' || (status === 'completed' && !!output?.errors.length);

/** @param {{ task: Task, preview: Preview, look: () => Promise<void>, onGone: () => void }} props */
export function Acts({ task, preview, look, onGone }) {
  const asking = useSignal(/** @type {'cancel' | 'retry' | 'delete' | null} */ (route.value.query.ask ? 'retry' : null));
  const shut = () => {
    asking.value = null;
    setQuery({ ask: null }, { replace: true });
  };
  const repeat = () => go(address('create', { reuse: task.id }));
  const mayChange = may('generate');
  /** @param {Task['priority']} priority */
  const turn = async (priority) => {
    await api.patch(`/tasks/${task.id}`, { priority }).then(tell, (error) => notify(messageOf(error), { kind: 'wrong' }));
    await look();
  };
  useLayoutEffect(() => bind('sheet', mayChange ? { r: [repeat, 'sheet.repeat'], Delete: [() => (asking.value = 'delete'), 'sheet.delete'] } : {}), [task.id, mayChange]);
  if (!mayChange) return null;
  const missing = task.output?.errors.length ?? 0;
  const again = mayTryAgain(task);
  const waits = task.status === 'pending' || task.status === 'scheduled';
  return fragment(
    h(Button, { text: t('sheet.delete'), icon: 'trash', kind: 'plain', onClick: () => (asking.value = 'delete') }),
    isOpen(task) && h(Button, { text: t('sheet.cancel'), icon: 'close', onClick: () => (asking.value = 'cancel') }),
    waits && h(Menu, { button: { text: t('sheet.priority'), icon: 'queue' }, items: PRIORITIES.map((each) => ({ text: t(`sheet.priority.${each}`), chosen: task.priority === each, onPick: () => void turn(each) })) }),
    again && h(Button, { text: task.status === 'completed' ? t('result.paint_missing', { n: missing }) : t('sheet.retry'), icon: 'reuse', onClick: () => (asking.value = 'retry') }),
    h(Button, { text: t('sheet.repeat'), icon: 'create', kind: again || isOpen(task) ? 'normal' : 'primary', onClick: repeat }),
    asking.value === 'cancel' && h(Ask, { task, name: 'cancel', onClose: shut, onDo: async () => tell(await api.post(`/tasks/${task.id}/cancel`)), look }),
    asking.value === 'delete' && h(Ask, { task, name: 'delete', onClose: shut, onDo: async () => { await api.del(`/tasks/${task.id}`); onGone(); tellGone([task.id]); announce(t('sheet.deleted')); } }),
    again && asking.value === 'retry' && h(Retry, { task, preview, onClose: shut, look }),
  );
}

/** @param {{ task: Task, name: 'cancel' | 'delete', onClose: () => void, onDo: () => Promise<unknown>, look?: () => Promise<void> }} props */
function Ask({ task, name, onClose, onDo, look }) {
  const act = useAct(async () => {
    await onDo();
    onClose();
    await look?.();
  });
  const text = name === 'delete' ? t('sheet.delete_text', { n: keptOf(task) }) : t(task.status === 'processing' ? 'sheet.cancel_running' : 'sheet.cancel_waiting');
  return h(
    Confirm,
    { title: t(`sheet.${name}_title`), text, action: t(`sheet.${name}`), danger: true, busy: act.busy, onDo: () => void act.run(), onClose },
    !!act.error && h(Problem, { error: act.error }),
  );
}

/**
 * Another try: what it may cost is told first; what may have been paid for already wants a yes of its own.
 *
 * @param {{ task: Task, preview: Preview, onClose: () => void, look: () => Promise<void> }} props
 */
function Retry({ task, preview, onClose, look }) {
  const { told, error, ask, price: amount, most } = preview;
  const sure = useSignal(false);
  const key = useSignal(newKey()).value;
  const act = useAct(async () => {
    tell(await api.post(`/tasks/${task.id}/retry`, undefined, { key }));
    onClose();
    await look();
  });
  const unknown = task.billed === 'unknown' || !!told?.unknown;
  const left = Math.max(1, (task.images || 1) - keptOf(task));
  const ready = !!told && told.possible > 0 && (!unknown || sure.value);
  return h(
    Confirm,
    {
      title: t('sheet.retry_title'), action: t('sheet.retry'), danger: unknown, busy: act.busy, ready, onClose, onDo: () => void act.run(),
      text: !told ? (error ? h(Problem, { error, onRetry: ask }) : h(Skeleton, { lines: 1 }))
        : !told.possible ? t('sheet.not_now')
        : [t('sheet.missing', { n: left }), amount ? t(`sheet.${unknown ? 'again' : 'costs'}${most === amount ? '' : '_most'}`, { amount, most }) : t('sheet.free'), left < task.images && t('sheet.kept')].map((each) => each && p({ key: each }, each)),
    },
    task.error && !task.error.retryable && !unknown && task.status === 'failed' && p({ class: 'field-help' }, t('sheet.do.change')),
    unknown && label({ class: 'sheet-sure' }, input({ type: 'checkbox', checked: sure.value, onChange: () => (sure.value = !sure.value) }), span(null, amount ? t('sheet.sure', { amount }) : t('sheet.sure_unpriced'))),
    !!act.error && h(Problem, { error: act.error }),
  );
}

/** @param {{ task: Task }} props */
export const Copies = ({ task }) =>
  section(
    { 'aria-label': t('sheet.elsewhere') },
    h3(null, t('sheet.elsewhere')),
    div(
      { class: 'sheet-copies' },
      h(CopyButton, { text: `${location.origin}${address('tasks', { task: task.id })}`, label: t('sheet.copy_link') }),
      h(CopyButton, { text: curlOf(requestOf(task)), label: t('sheet.copy_curl') }),
      h(CopyButton, { text: JSON.stringify(task, null, 2), label: t('sheet.copy_json') }),
    ),
    details(null, summary(null, t('sheet.raw')), pre({ tabIndex: 0 }, JSON.stringify(task, null, 2))),
  );
