/** Queue: which lanes are open, what waits there and why, and what operators do about it. */

import { signal, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect } from 'preact/hooks';

import { details, div, h, h1, p, section, summary } from '../../dom.js';
import { t } from '../../i18n.js';
import { bind } from '../../keys.js';
import { isShut, lanes, watchLanes } from '../../live.js';
import { me } from '../../session.js';
import { Empty, Skeleton } from '../../ui/states.js';
import { Acting, begin } from './acts.js';
import { LaneCard } from './card.js';

/** @typedef {import('../../live.js').Lane} Lane */

const LOOK_MS = 3_000;

/** The lane that the reader's focus was in last. @type {import('@preact/signals').Signal<string | null>} */
const at = signal(null);

/** Whether there is anything to see: it is shut, tasks wait or run, or some ended within the hour. @param {Lane} lane */
const isQuiet = (lane) =>
  !isShut(lane) && !lane.queued && !lane.delayed && !lane.held &&
  ![...(lane.last_hour?.finished ?? []), ...(lane.last_hour?.failed ?? [])].some(Boolean);

export default function Queue() {
  useEffect(() => watchLanes(LOOK_MS), []);
  useLayoutEffect(() => bind('queue', me.value?.operator ? { p: [pauseHere, 'queue.pause_key'] } : {}), [me.value?.operator]);
  const found = lanes.value;
  if (!found) return section({ class: 'page' }, h1({ class: 'page-title' }, t('place.queue')), h(Skeleton, { lines: 6 }));
  const busy = found.filter((lane) => !isQuiet(lane)).sort(byUrgency);
  const quiet = found.filter(isQuiet);
  return section(
    { class: 'page', onFocusIn: (event) => (at.value = nameAround(event.target)) },
    div({ class: 'page-head' }, h1({ class: 'page-title' }, t('place.queue')), h(Sum, { found })),
    busy.length ? div({ class: 'lanes' }, busy.map((lane) => h(LaneCard, { lane, key: lane.name }))) : h(Empty, { title: t('queue.calm'), text: t('queue.calm_text') }),
    quiet.length > 0 && h(Quiet, { quiet, calm: !busy.length }),
    h(Acting, {}),
  );
}

/** The lanes where nothing happens, folded away while there are others to look at. @param {{ quiet: Lane[], calm: boolean }} props */
function Quiet({ quiet, calm }) {
  const open = useSignal(calm);
  return details(
    { class: 'lanes-rest', open: open.value, onToggle: (event) => (open.value = event.currentTarget.open) },
    summary(null, t('queue.quiet', { n: quiet.length })),
    div({ class: 'lanes lanes-quiet' }, quiet.map((lane) => h(LaneCard, { lane, quiet: true, key: lane.name }))),
  );
}

/** @param {{ found: Lane[] }} props */
function Sum({ found }) {
  const queued = found.reduce((sum, lane) => sum + lane.queued + lane.delayed, 0);
  const running = found.reduce((sum, lane) => sum + lane.held, 0);
  return p({ class: 'lanes-sum' }, t(me.value?.operator ? 'queue.sum' : 'queue.sum_own', { queued, running }));
}

/**
 * @param {Lane} one
 * @param {Lane} other
 */
const byUrgency = (one, other) =>
  Number(isShut(other)) - Number(isShut(one)) || other.queued - one.queued || one.name.localeCompare(other.name);

/** @param {EventTarget | null} target */
const nameAround = (target) => target instanceof Element ? (target.closest('[data-lane]')?.getAttribute('data-lane') ?? null) : null;

function pauseHere() {
  const found = lanes.value ?? [];
  const lane = found.find((each) => each.name === at.value) ?? found.filter((each) => !isQuiet(each)).sort(byUrgency)[0] ?? found[0];
  if (lane && lane.state !== 'paused') begin('pause', lane);
}
