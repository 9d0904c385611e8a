/** The time that costs are of: `2026`, `2026-11` or `2026-11-28`, of the calendar. What moments these are, the server says by the zone. */

import { format } from '../../i18n.js';
import { today } from '../../ui/time.js';

/** @typedef {'year' | 'month' | 'day'} Length */

const WRITTEN = /^20\d\d(-\d\d(-\d\d)?)?$/;
const SIZES = /** @type {const} */ ({ year: 4, month: 7, day: 10 });

/** @param {string} period @returns {Length} */
export const lengthOf = (period) => (period.length === 4 ? 'year' : period.length === 7 ? 'month' : 'day');

/** By which steps it is told. @param {string} period */
export const stepOf = (period) => (({ year: 'month', month: 'day', day: 'hour' })[lengthOf(period)]);

/** The period that a query asks for; this month, if it asks for none. @param {string | undefined} asked */
export const periodOf = (asked) => (asked && WRITTEN.test(asked) ? later(asked, 0) : today.value.slice(0, SIZES.month));

/** The period *by* periods after *period*. @param {string} period @param {number} by */
export function later(period, by) {
  const [year = 0, month = 1, day = 1] = period.split('-').map(Number);
  const length = lengthOf(period);
  const moved = new Date(Date.UTC(year + (length === 'year' ? by : 0), month - 1 + (length === 'month' ? by : 0), day + (length === 'day' ? by : 0)));
  return moved.toISOString().slice(0, period.length);
}

/** The same time as a longer or shorter period: of a shorter one it is today's, or the first. @param {string} period @param {Length} length */
export function as(period, length) {
  if (SIZES[length] <= period.length) return period.slice(0, SIZES[length]);
  return (today.value.startsWith(period) ? today.value : first(period)).slice(0, SIZES[length]);
}

/** Its first day. @param {string} period */
export const first = (period) => `${period}-01-01`.slice(0, SIZES.day);

/** Its name. @param {string} period */
export function nameOf(period) {
  const length = lengthOf(period);
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { timeZone: 'UTC', year: 'numeric', month: length === 'year' ? undefined : 'long', day: length === 'day' ? 'numeric' : undefined };
  return format(`period ${length}`, (locale) => new Intl.DateTimeFormat(locale, options)).format(new Date(first(period)));
}
