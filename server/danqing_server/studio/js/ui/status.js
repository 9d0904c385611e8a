/** How a task stands, never by colour alone; and whether it was billed. */

import { span } from '../dom.js';
import { t } from '../i18n.js';

/** @typedef {'pending' | 'scheduled' | 'processing' | 'completed' | 'partial' | 'failed' | 'cancelled' | 'unknown'} Standing */

/** Whether a task goes on. @param {{ status: string }} task */
export const isOpen = ({ status }) => !['completed', 'failed', 'cancelled'].includes(status);

/**
 * Return how a task stands as people see it: `partial` and `unknown` are no statuses of the API.
 *
 * @param {{ status: string, missing?: number, billed?: string, output?: { partial?: boolean } | null }} task
 * @returns {Standing}
 */
export function standingOf(task) {
  if (task.status === 'completed') {
    return (task.output?.partial ?? !!task.missing) ? 'partial' : 'completed';
  }
  if (task.status === 'failed' && task.billed === 'unknown') return 'unknown';
  return /** @type {Standing} */ (task.status);
}

const MARKS = { pending: '○', scheduled: '◔', processing: '◐', completed: '●', partial: '◑', failed: '✕', cancelled: '–', unknown: '?' };

/** @param {{ standing: Standing }} props */
export const Status = ({ standing }) =>
  span({ class: `status status-${standing}` }, span({ class: 'status-mark', 'aria-hidden': 'true' }, MARKS[standing]), t(`status.${standing}`));

/** @param {{ billed: string }} props */
export const Billed = ({ billed }) => span({ class: `billed billed-${billed}` }, t(`billed.${billed}`));
