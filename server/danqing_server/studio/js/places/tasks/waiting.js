/** Why a task waits, as far as its row and the lanes tell; its sheet knows more. */

import { clock } from '../../format.js';
import { t } from '../../i18n.js';
import { isShut, lanes } from '../../live.js';
import { laneReason } from '../../ui/status.js';
import { now } from '../../ui/time.js';

/** @param {import('./store.js').Row} row */
export function whyOf(row) {
  const due = row.run_at && Date.parse(row.run_at) > now.value;
  if (due) return t(row.attempts ? 'tasks.again_at' : 'tasks.not_before', { time: clock(/** @type {string} */ (row.run_at)) });
  const own = (lanes.value ?? []).filter((each) => each.provider === row.provider && (each.model_ids ?? []).includes(row.model));
  const shut = own.find(isShut);
  if (shut) return [t(`lane.${shut.state}`), ' · ', laneReason(shut)];
  return row.priority === 'normal' ? '' : t('tasks.with_priority', { priority: t(`tasks.${row.priority}`) });
}
