/** How a task stands, and a lane, never by colour alone; whether a task was billed, and why a lane is shut. */

import { code, span } from '../dom.js';
import { has, t } from '../i18n.js';

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

/** @typedef {import('../live.js').Lane} Lane */

const LANE_MARKS = { open: '●', closed: '✕', half_open: '◐', held: '○', paused: '‖' };

/** @param {{ state: Lane['state'] }} props */
export const LaneState = ({ state }) =>
  span({ class: `lane-state lane-${state}` }, span({ class: 'status-mark', 'aria-hidden': 'true' }, LANE_MARKS[state]), span(null, t(`lane.${state}`)));

/**
 * Why it is shut: in words where there are some, else as the provider says it.
 *
 * @param {Pick<Lane, 'reason' | 'pause'>} lane
 */
export function laneReason({ reason, pause }) {
  if (pause) return t('lane.quoted', { text: pause.reason });
  if (!reason) return null;
  return has(`lane.why.${reason}`) ? t(`lane.why.${reason}`) : code(null, reason);
}
