/** Dates, numbers, durations and money as the reader writes them. */

import { format } from './i18n.js';
import { zone } from './session.js';

/**
 * @param {Intl.DateTimeFormatOptions} options
 * @param {string} moment ISO 8601, as the server writes it
 */
export function written(options, moment) {
  const name = `${zone.value} ${JSON.stringify(options)}`;
  return format(name, (locale) => new Intl.DateTimeFormat(locale, { timeZone: zone.value, hourCycle: 'h23', ...options })).format(new Date(moment));
}

/** 28 Nov 2026, 02:31 @param {string} moment */
export const dateTime = (moment) => written({ dateStyle: 'medium', timeStyle: 'short' }, moment);

/** 28 Nov 2026, 02:31:07 @param {string} moment */
export const exactTime = (moment) => written({ dateStyle: 'medium', timeStyle: 'medium' }, moment);

/** 28 November 2026 @param {string} moment */
export const day = (moment) => written({ dateStyle: 'long' }, moment);

/** Today 02:31, on other days 28 Nov, 02:31 @param {string} moment */
export const clock = (moment) =>
  day(moment) === day(new Date().toISOString()) ? written({ timeStyle: 'short' }, moment) : written({ month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' }, moment);

/** 02:31:07 @param {string} moment */
export const clockSeconds = (moment) => written({ timeStyle: 'medium' }, moment);

/**
 * The day of *moment*, as `2026-11-28`, where the reader is.
 *
 * @param {string | number} [moment]
 */
export const dayOf = (moment = Date.now()) =>
  new Intl.DateTimeFormat('en-CA', { timeZone: zone.value, year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date(moment));

/**
 * The moment at which the day *later* days after *day* begins where the reader is. What is no day is returned as it is.
 *
 * @param {string} day
 * @param {number} [later]
 */
export function beginOf(day, later = 0) {
  const [, year, month, date] = (/^(\d{4})-(\d\d)-(\d\d)$/.exec(day) ?? []).map(Number);
  if (!year || !month || !date) return day;
  const clock = Date.UTC(year, month - 1, date + later);
  const by = /** @param {number} moment */ (moment) => clock + moment - Date.parse(`${CLOCK().format(moment).replace(' ', 'T')}Z`);
  const begin = by(by(clock));
  return new Date(Math.max(begin, by(begin))).toISOString(); // later where no clock shows midnight: Havana, Santiago
}

/**
 * A filter as the server takes it: its days are whole ones, the reader's own.
 *
 * @template {{ from?: string, to?: string }} Filter
 * @param {Filter} filter
 * @returns {Filter}
 */
export const momentsOf = (filter) => ({
  ...filter,
  ...(filter.from ? { from: beginOf(filter.from) } : {}),
  ...(filter.to ? { to: beginOf(filter.to, 1) } : {}),
});

/** What a clock shows where the reader is, as ISO 8601 has it, but for the T. */
const CLOCK = () =>
  format(`clock ${zone.value}`, () => new Intl.DateTimeFormat('sv-SE', { timeZone: zone.value, dateStyle: 'short', timeStyle: 'medium' }));

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 */
export const number = (value, options) => format(`number ${JSON.stringify(options)}`, (locale) => new Intl.NumberFormat(locale, options)).format(value);

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/**
 * "3 minutes ago", "in 2 hours".
 *
 * @param {string | number | Date} moment
 * @param {number} [now_ms]
 */
export function relative(moment, now_ms = Date.now()) {
  const seconds = (new Date(moment).getTime() - now_ms) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return format('relative', (locale) => new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })).format(Math.trunc(seconds / size), unit);
}

/**
 * "12 s", "3 min", "2 h 5 min".
 *
 * @param {number} seconds
 */
export function duration(seconds) {
  /** @type {(value: number, unit: string) => string} */
  const shown = (value, unit) => number(value, { style: 'unit', unit, unitDisplay: 'short' });
  if (seconds < 10) return shown(Math.round(seconds * 10) / 10, 'second');
  if (seconds < 90) return shown(Math.round(seconds), 'second');
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return shown(minutes, 'minute');
  const rest = minutes % 60;
  const hours = shown(Math.floor(minutes / 60), 'hour');
  return rest ? `${hours} ${shown(rest, 'minute')}` : hours;
}

/** @param {number} size_bytes */
export function bytes(size_bytes) {
  const units = /** @type {const} */ (['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']);
  const step = size_bytes < 1 ? 0 : Math.min(4, Math.floor(Math.log10(size_bytes) / 3));
  const value = size_bytes / 1000 ** step;
  return number(value, { style: 'unit', unit: units[step], unitDisplay: 'short', maximumFractionDigits: value < 10 ? 1 : 0 });
}

/**
 * An amount of money, to the digit as the server said it.
 *
 * @param {string} amount a decimal number
 * @param {string} currency ISO 4217
 */
export function money(amount, currency) {
  const options = { style: 'currency', currency, currencyDisplay: 'narrowSymbol', minimumFractionDigits: 2, maximumFractionDigits: 12 };
  try {
    // A decimal string is written to its last digit; as a number it would be rounded.
    return format(`money ${currency}`, (locale) => new Intl.NumberFormat(locale, /** @type {any} */ (options))).format(/** @type {any} */ (amount));
  } catch {
    return `${amount} ${currency}`;
  }
}
