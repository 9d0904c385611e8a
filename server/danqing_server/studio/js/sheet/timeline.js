/** What happened to a task, one thing after the other: accepted, begun, each call and what it cost, the end. */

import { code, h, h3, li, ol, p, section, span, time } from '../dom.js';
import { clockSeconds, day, duration, exactTime, money } from '../format.js';
import { t } from '../i18n.js';
import { Billed, isOpen, standingOf } from '../ui/status.js';

/** @typedef {import('../types/api.d.ts').Task} Task */
/** @typedef {import('../types/api.d.ts').Call} Call */
/** @typedef {{ at: string, text: string, tone?: string, billed?: string, more?: (string | null | undefined | false)[], key: string }} Event */

/** Whether a call was charged for, by what is known of it now. @param {Call} call */
export function billedOf(call) {
  const outcome = call.late_outcome ?? call.outcome;
  if (outcome === 'delivered') return 'yes';
  return outcome === 'open' || outcome === 'unknown' ? 'unknown' : 'no';
}

/** @param {Task} task @param {Call} call @param {number} place @returns {Event[]} */
function eventsOfCall(task, call, place) {
  const which = { call: place + 1, provider: call.provider };
  const pictures = call.indexes.length && task.images > 1 ? t('sheet.for_pictures', { places: call.indexes.map((each) => each + 1).join(', ') }) : '';
  /** @type {Event[]} */
  const found = [{ key: `${call.id}-sent`, at: call.sent_at, text: t('sheet.call_sent', which), more: [pictures] }];
  if (call.ended_at) {
    const took_s = (Date.parse(call.ended_at) - Date.parse(call.sent_at)) / 1000;
    found.push({
      key: `${call.id}-ended`, at: call.ended_at, billed: billedOf(call),
      text: t(`sheet.call.${call.outcome}`, { ...which, took: duration(took_s) }),
      tone: { delivered: 'good', unknown: 'amber' }[/** @type {string} */ (call.outcome)] ?? 'bad',
      more: [
        call.cost && task.cost && money(call.cost, task.cost.currency),
        call.late_outcome && t('sheet.late', { outcome: t(`sheet.outcome.${call.late_outcome}`) }),
        call.looked_up && t('sheet.looked_up'),
        call.error_code,
        call.request_id && t('ui.request_id', { id: call.request_id }),
      ],
    });
  }
  return found;
}

/**
 * Return what happened to *task*, the oldest first. The API tells of a task how it stands, with the times of all this.
 *
 * @param {Task} task
 * @returns {Event[]}
 */
export function eventsOf(task) {
  /** @type {Event[]} */
  const found = [{ key: 'created', at: task.created_at, text: t('sheet.accepted', { user: task.user_id }), more: [task.scheduled_for && t('sheet.not_before', { time: exactTime(task.scheduled_for) })] }];
  for (const [place, tried] of (task.route?.tried ?? []).entries()) {
    found.push({ key: `tried-${place}`, at: tried.at, text: t('sheet.tried', { target: `${tried.provider}/${tried.model}` }), tone: 'amber', billed: tried.billed, more: [tried.code] });
  }
  if (task.started_at) {
    const waited_s = (Date.parse(task.started_at) - Date.parse(task.created_at)) / 1000;
    found.push({ key: 'started', at: task.started_at, text: t('sheet.begun', { attempt: task.attempts }), more: [task.attempts === 1 && t('sheet.waited', { time: duration(Math.max(0, waited_s)) })] });
  }
  for (const [place, call] of task.calls.entries()) found.push(...eventsOfCall(task, call, place));
  if (task.completed_at) {
    const standing = standingOf(task);
    const tone = { completed: 'good', failed: 'bad', unknown: 'amber', partial: 'amber' }[/** @type {string} */ (standing)];
    found.push({ key: 'ended', at: task.completed_at, text: t(`status.${standing}`), tone });
  }
  return found.map((each, place) => ({ each, place })).sort((one, other) => Date.parse(one.each.at) - Date.parse(other.each.at) || one.place - other.place).map(({ each }) => each);
}

/** @param {{ task: Task }} props */
export function Timeline({ task }) {
  const events = eventsOf(task);
  let last = day(task.created_at);
  return section(
    { 'aria-label': t('sheet.timeline') },
    h3(null, t('sheet.timeline')),
    p({ class: 'field-help' }, last),
    ol(
      { class: 'timeline' },
      events.map((event) => {
        const date = day(event.at);
        const turned = date !== last;
        last = date;
        return li(
          { key: event.key, class: `timeline-event${event.tone ? ` timeline-${event.tone}` : ''}` },
          time({ dateTime: event.at, title: exactTime(event.at) }, turned ? exactTime(event.at) : clockSeconds(event.at)),
          span({ class: 'timeline-text' }, event.text, event.billed && [' · ', h(Billed, { billed: event.billed })]),
          event.more?.some(Boolean) && span({ class: 'timeline-more' }, event.more.filter(Boolean).map((each) => code({ key: String(each) }, each))),
        );
      }),
      isOpen(task) && li({ class: 'timeline-event timeline-now' }, span({ class: 'timeline-text' }, task.next_try_at ? t('sheet.next_try', { time: clockSeconds(task.next_try_at) }) : t(`sheet.now.${task.status}`))),
    ),
  );
}
