/** What is said of a shut lane where somebody wants to paint; loaded when one is. */

import { div, p } from '../dom.js';
import { clock } from '../format.js';
import { t } from '../i18n.js';
import { icon } from './icon.js';
import { laneReason } from './status.js';

/** @typedef {import('../live.js').Lane} Lane */

/** Whose words end with a colon. */
const WHY = ['closed', 'held', 'paused'];

/** @param {Pick<Lane, 'name' | 'state' | 'reason' | 'pause' | 'opens_at'>} lane */
function LaneNote(lane) {
  const why = WHY.includes(lane.state) && laneReason(lane);
  return div(
    { class: 'lane-note', role: 'status' },
    icon('pause'),
    p(
      null,
      t(`lane.note.${lane.state}`, { lane: lane.name }),
      ' ',
      why && [why, t('lane.stop')],
      lane.opens_at ? t('lane.waits_until', { time: clock(lane.opens_at) }) : t('lane.waits'),
    ),
  );
}

export default LaneNote;
