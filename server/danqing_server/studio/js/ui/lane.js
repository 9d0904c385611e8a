/** How a lane stands, never by colour alone; and what is said of a shut one where somebody wants to paint. */

import { code, div, p, span } from '../dom.js';
import { clock } from '../format.js';
import { has, t } from '../i18n.js';
import { icon } from './icon.js';

/** @typedef {import('../lanes.js').Lane} Lane */

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

/** @param {Pick<Lane, 'name' | 'state' | 'reason' | 'pause' | 'opens_at'>} lane */
export const LaneNote = (lane) =>
  div(
    { class: 'lane-note', role: 'status' },
    icon('pause'),
    p(
      null,
      t(`lane.note.${lane.state}`, { lane: lane.name }),
      ' ',
      laneReason(lane),
      ' ',
      lane.opens_at ? t('lane.waits_until', { time: clock(lane.opens_at) }) : t('lane.waits'),
    ),
  );
