/** Money, to the digit as the server said it. */

import { span } from '../dom.js';
import { money } from '../format.js';
import { t } from '../i18n.js';

/**
 * Say a cost in a line: "¥0.20", "about ¥0.20", "at most ¥0.40".
 *
 * @param {{ amount: string, currency: string, estimated?: boolean, at_most?: string } | null | undefined} cost
 */
export function costText(cost) {
  if (!cost) return t('money.none');
  if (cost.at_most) return t('money.at_most', { amount: money(cost.at_most, cost.currency) });
  const amount = money(cost.amount, cost.currency);
  return cost.estimated ? t('money.estimated', { amount }) : amount;
}

/** Several amounts, each in its currency. @param {{ amount: string, currency: string }[]} all */
export const moneyText = (all) => all.map(({ amount, currency }) => money(amount, currency)).join(' + ');

/** @param {{ amount: string, currency: string }} props */
export const Money = ({ amount, currency }) => span({ class: 'money' }, money(amount, currency));
