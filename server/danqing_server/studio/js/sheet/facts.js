/** What was asked for, and what is known of the task: read here, nothing in Create changes. */

import { a, dd, details, div, dl, dt, h, h3, p, pre, section, summary } from '../dom.js';
import { duration } from '../format.js';
import { t } from '../i18n.js';
import { CopyButton } from '../ui/copy.js';
import { costText } from '../ui/money.js';
import { isOpen } from '../ui/status.js';
import { Thumb, pathOf } from '../ui/thumb.js';
import { Moment } from '../ui/time.js';

/** @typedef {import('../types/api.d.ts').Task} Task */

/** Our own pictures among what the task was given. @param {Task} task @returns {string[]} */
export const referencesOf = (task) =>
  Object.values(task.input).flat().filter((each) => typeof each === 'string' && /\/api\/v1\/(assets|uploads)\//.test(each)).map(String);

/** @param {{ task: Task }} props */
export function Asked({ task }) {
  const { prompt, ...rest } = task.input;
  const references = referencesOf(task);
  const plain = Object.entries(rest).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) && !references.includes(String(value)));
  return section(
    { 'aria-label': t('sheet.asked') },
    h3(null, t('sheet.asked')),
    typeof prompt === 'string' && div({ class: 'sheet-prompt' }, p(null, prompt), h(CopyButton, { text: prompt, label: t('sheet.copy_prompt'), bare: true, kind: 'plain' })),
    references.length > 0 && div(
      { class: 'sheet-references' },
      references.map((url, place) => a({ key: url, href: pathOf(url), target: '_blank' }, h(Thumb, { url, alt: t('sheet.reference', { place: place + 1 }), width: 64 }))),
    ),
    plain.length > 0 && dl({ class: 'sheet-facts' }, plain.map(([name, value]) => fact(name, String(value), name))),
    (task.notes ?? []).map((note) => p({ class: 'field-help', key: note }, note)),
    details(null, summary(null, t('sheet.input')), pre({ tabIndex: 0 }, JSON.stringify(task.input, null, 2))),
  );
}

/** @param {string} label @param {import('preact').ComponentChildren} value @param {string} [key] */
const fact = (label, value, key = label) => div({ key }, dt(null, label), dd(null, value));

/** @param {{ task: Task }} props */
export function Facts({ task }) {
  const { route, batch, webhook } = task;
  const cost = task.cost && (isOpen(task) ? task.cost : { ...task.cost, at_most: undefined });
  return section(
    { 'aria-label': t('sheet.facts') },
    h3(null, t('sheet.facts')),
    dl(
      { class: 'sheet-facts' },
      fact(t('sheet.cost'), [task.billed === 'unknown' && !isOpen(task) ? t('billed.unknown') : costText(cost), ...(task.cost?.others ?? []).map((each) => ` + ${costText(each)}`)]),
      fact(t('sheet.model'), `${task.provider} / ${task.model}`),
      route && fact(t('sheet.route'), `${route.model} → ${route.target}`),
      fact(t('sheet.user'), task.user_id),
      task.priority !== 'normal' && fact(t('sheet.priority'), t(`sheet.priority.${task.priority}`)),
      fact(t('sheet.attempts'), String(task.attempts)),
      fact(t('sheet.policy'), t(`sheet.policy.${task.on_ambiguous ?? 'usual'}`)),
      fact(t('sheet.created'), h(Moment, { at: task.created_at })),
      task.started_at && task.completed_at && fact(t('sheet.took'), duration((Date.parse(task.completed_at) - Date.parse(task.started_at)) / 1000)),
      batch && fact(t('sheet.batch'), `${batch.id} · ${batch.custom_id ?? batch.line}`),
      webhook && fact(t('sheet.webhook'), webhook.url),
    ),
  );
}
