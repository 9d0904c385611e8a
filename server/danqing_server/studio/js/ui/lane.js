/** How a lane stands, never by colour alone, and why. */

import { code, span } from '../dom.js';
import { has, t } from '../i18n.js';

/** @typedef {import('../live.js').Lane} Lane */

const MARKS = { open: '●', closed: '✕', half_open: '◐', held: '○', paused: '❚❚' };

/** @param {{ state: Lane['state'] }} props */
export const LaneState = ({ state }) =>
  span({ class: `lane-state lane-${state}` }, span({ class: 'status-mark', 'aria-hidden': 'true' }, MARKS[state]), span(null, t(`lane.${state}`)));

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
