/** What bounds a project or a key: written in a form, and said in a line. */

import { details, div, h, summary } from '../../dom.js';
import { day, money, number } from '../../format.js';
import { t } from '../../i18n.js';
import { TextField } from '../../ui/field.js';

/**
 * @typedef {object} Limits
 * @property {string[] | null} [models]
 * @property {Record<string, string> | null} [spend_per_day]
 * @property {Record<string, string> | null} [spend_per_month]
 * @property {number | null} [requests_per_minute]
 * @property {number | null} [pictures_in_flight]
 * @property {number | null} [waiting_tasks]
 * @property {string[] | null} [addresses]
 * @property {string | null} [expires_at]
 */

/** @typedef {Record<string, string>} Written as it stands in the form */

const AMOUNTS = /** @type {const} */ (['spend_per_day', 'spend_per_month']);
const COUNTS = /** @type {const} */ (['requests_per_minute', 'pictures_in_flight', 'waiting_tasks']);
const LISTS = /** @type {const} */ (['models', 'addresses']);

/** @param {Limits} limits @returns {Written} */
export function written(limits) {
  /** @type {Written} */
  const found = {};
  for (const name of AMOUNTS) found[name] = Object.entries(limits[name] ?? {}).map(([currency, amount]) => `${amount} ${currency}`).join(', ');
  for (const name of COUNTS) found[name] = limits[name]?.toString() ?? '';
  for (const name of LISTS) found[name] = (limits[name] ?? []).join(', ');
  found.expires_at = limits.expires_at?.slice(0, 10) ?? '';
  return found;
}

/** What is wrong is left to the server, which names the field. @param {Written} form @param {Limits} [before] */
export function read(form, before = {}) {
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const name of AMOUNTS) if (form[name]?.trim()) found[name] = Object.fromEntries(words(form[name]).map(amountOf));
  for (const name of COUNTS) if (form[name]?.trim()) found[name] = /^\d+$/.test(form[name].trim()) ? Number(form[name]) : form[name].trim();
  for (const name of LISTS) if (form[name]?.trim()) found[name] = words(form[name]);
  if (form.expires_at) found.expires_at = form.expires_at === before.expires_at?.slice(0, 10) ? before.expires_at : `${form.expires_at}T00:00:00Z`;
  return found;
}

/** @param {string} text */
const words = (text) => text.split(/[,，、\n]+/).map((each) => each.trim()).filter(Boolean);

/** @param {string} text as `100 CNY` or `CNY 100`; without a currency CNY is meant @returns {[string, string]} */
function amountOf(text) {
  const amount = text.match(/[\d.]+/)?.[0] ?? text;
  return [text.replace(amount, '').trim().toUpperCase() || 'CNY', amount];
}

/** @param {{ form: Written, set: (name: string, value: string) => void, wrong: (field: string) => string | null, open?: boolean }} props */
export function LimitFields({ form, set, wrong, open = false }) {
  /** @param {string} name @param {Partial<Parameters<typeof TextField>[0]>} [more] */
  const field = (name, more = {}) =>
    h(TextField, {
      id: `limit-${name}`, label: t(`limit.${name}`), value: form[name] ?? '', onInput: (value) => set(name, value),
      error: wrong(`limits.${name}`), autocomplete: 'off', key: name, ...more,
    });
  return details(
    { class: 's-limits', open },
    summary(null, t('limit.title')),
    div(
      { class: 's-limit-fields' },
      AMOUNTS.map((name) => field(name, { placeholder: '100 CNY' })),
      COUNTS.map((name) => field(name, { inputmode: 'numeric' })),
      field('models', { placeholder: 'doubao-*', help: t('limit.models_help') }),
      field('addresses', { placeholder: '10.0.0.0/8' }),
      field('expires_at', { type: 'date', help: t('limit.expires_at_help') }),
    ),
  );
}

/** @param {Limits} limits @returns {string[]} a phrase for each limit that there is */
export function phrases(limits) {
  const found = [];
  for (const name of AMOUNTS) {
    for (const [currency, amount] of Object.entries(limits[name] ?? {})) found.push(t(`limit.${name}_is`, { amount: money(amount, currency) }));
  }
  for (const name of COUNTS) {
    const most = limits[name];
    if (most !== null && most !== undefined) found.push(t(`limit.${name}_is`, { n: number(most) }));
  }
  if (limits.models) found.push(t('limit.models_is', { names: limits.models.join(', ') || '–' }));
  if (limits.addresses) found.push(t('limit.addresses_is', { names: limits.addresses.join(', ') || '–' }));
  if (limits.expires_at) found.push(t('limit.expires_at_is', { day: day(limits.expires_at) }));
  return found;
}
