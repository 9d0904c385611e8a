/** What went wrong, told plainly: what happened, whether it was billed, what one can do; the provider's own words below. */

import { code, dd, details, div, dl, dt, h, p, strong, summary } from '../dom.js';
import { t } from '../i18n.js';
import { plainly } from '../results.js';
import { costText } from '../ui/money.js';

/** @typedef {import('../types/api.d.ts').Task} Task */
/** @typedef {import('../types/api.d.ts').TaskError} TaskError */

/** @typedef {{ task: Task, price: string }} Shown `price`: what another try may cost, '' while that is not known */

/** @param {Shown} props */
export function Verdict({ task, price }) {
  const errors = task.output?.errors ?? [];
  if (task.status === 'completed') return errors.map((error) => h(Told, { key: error.index, error, task, price, billed: error.billed, index: error.index }));
  return task.error ? h(Told, { error: task.error, task, price, billed: task.billed }) : null;
}

/** @param {Shown & { error: TaskError, billed: Task['billed'], index?: number }} props */
function Told({ error, task, price, billed, index }) {
  const provider = task.provider;
  const plain = plainly(error, provider);
  return div(
    { class: `sheet-verdict why why-${billed}`, role: 'group', 'aria-label': t('sheet.why') },
    p(null, index !== undefined && `${t('result.picture_no', { place: index + 1 })} `, strong(null, plain)),
    p(null, [t(`result.billed.${billed}`), paidText(task, billed, price, index === undefined)].filter(Boolean).join(' · ')),
    p(null, t(`sheet.do.${whatToDo(error, task, billed)}`)),
    details(
      null,
      summary(null, t('sheet.provider_words')),
      dl(
        { class: 'sheet-words' },
        plain !== error.message && [dt(null, t('sheet.said')), dd(null, error.message)],
        dt(null, t('sheet.code')), dd(null, code(null, error.code)),
        error.provider_code && [dt(null, t('sheet.provider_code', { provider })), dd(null, code(null, error.provider_code))],
        error.request_id && [dt(null, t('sheet.request_id')), dd(null, code(null, error.request_id))],
      ),
    ),
  );
}

/** @param {Task} task @param {string} billed @param {string} price @param {boolean} whole of the task, or of one of its pictures */
function paidText(task, billed, price, whole) {
  if (billed === 'unknown') return price && t('sheet.amount', { amount: price });
  return whole && task.cost && billed === 'yes' ? costText({ ...task.cost, at_most: undefined }) : '';
}

/** @param {TaskError} error @param {Task} task @param {string} billed */
function whatToDo(error, task, billed) {
  if (task.status === 'cancelled') return 'cancelled';
  if (billed === 'unknown') return 'unknown';
  return error.retryable ? 'retry' : 'change';
}
