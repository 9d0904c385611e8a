/** What may be spent, how much of it is gone, and when it begins anew; from four fifths on it is said aloud. */

import { div, h, meter, p, section, h2, small, strong } from '../../dom.js';
import { dateTime, money } from '../../format.js';
import { t } from '../../i18n.js';
import { icon } from '../../ui/icon.js';

/** @typedef {import('../../types/api.d.ts').SpendLimit} Limit */

/** @param {{ limits: Limit[] }} props */
export const Limits = ({ limits }) =>
  section(
    { class: 'costs-limits', 'aria-label': t('costs.limits') },
    h2(null, t('costs.limits')),
    div({ class: 'costs-limit-list' }, limits.map((limit) => h(One, { limit, key: `${limit.of} ${limit.window} ${limit.currency}` }))),
  );

/** @param {{ limit: Limit }} props */
function One({ limit }) {
  const [whole, left] = [Number(limit.limit), Number(limit.remaining)];
  const shown = /** @param {string} amount */ (amount) => money(amount, limit.currency);
  const name = t(`costs.limit_${limit.of}_${limit.window}`);
  return div(
    { class: limit.warning ? 'card costs-limit costs-limit-near' : 'card costs-limit' },
    strong(null, name),
    meter({ min: 0, max: whole || 1, high: whole * 0.8, value: whole ? whole - left : 1, 'aria-label': name, class: 'costs-meter' }),
    p(null, t('costs.limit_used', { used: shown(limit.used), limit: shown(limit.limit) }), Number(limit.reserved) ? ` ${t('costs.limit_reserved', { reserved: shown(limit.reserved) })}` : ''),
    limit.warning ? p({ class: 'costs-warning' }, icon('warning'), t(left > 0 ? 'costs.limit_near' : 'costs.limit_gone', { left: shown(limit.remaining) })) : null,
    small(null, t('costs.limit_resets', { time: dateTime(limit.resets_at) })),
  );
}
