/** One lane: how it stands, its numbers, its last hour, who waits, and what may be done. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { api } from '../../api.js';
import { article, dd, div, dl, dt, h, h2, header, p, span } from '../../dom.js';
import { clock, duration, number } from '../../format.js';
import { t } from '../../i18n.js';
import { isShut } from '../../live.js';
import { address, link } from '../../router.js';
import { me } from '../../session.js';
import { Button } from '../../ui/button.js';
import { LaneState, laneReason } from '../../ui/status.js';
import { now } from '../../ui/time.js';
import { a } from '../../dom.js';
import { begin, busy, probe, resume } from './acts.js';
import { Detail, whoOf } from './detail.js';
import { Strip } from './strip.js';

/** @typedef {import('../../live.js').Lane} Lane */

/** @param {{ lane: Lane, quiet?: boolean }} props */
export function LaneCard({ lane, quiet = false }) {
  const open = useSignal(false);
  /** @type {import('@preact/signals').Signal<any>} */
  const detail = useSignal(null);
  useEffect(() => {
    if (!open.value) return;
    api.get(`/lanes/${encodeURIComponent(lane.name)}`).then((found) => (detail.value = found)).catch(() => {});
  }, [open.value, lane.state, lane.revision, lane.queued]);
  const id = `lane-${lane.name}`;
  return article(
    { class: `card lane${isShut(lane) ? ' lane-shut' : ''}${quiet ? ' lane-quiet' : ''}`, id: `${id}-card`, 'aria-labelledby': id, 'data-lane': lane.name },
    header({ class: 'lane-head' }, h2({ id, class: 'lane-name' }, lane.name), h(LaneState, { state: lane.state })),
    h(Why, { lane }),
    !quiet && h(Figures, { lane }),
    !quiet && lane.last_hour && h(Strip, { finished: lane.last_hour.finished, failed: lane.last_hour.failed }),
    div(
      { class: 'lane-acts' },
      me.value?.operator && h(Acts, { lane }),
      h(Button, { text: t('queue.more'), kind: 'plain', icon: open.value ? 'chevron_down' : 'chevron_right', expanded: open.value, onClick: () => (open.value = !open.value) }),
    ),
    open.value && detail.value && h(Detail, { detail: detail.value }),
  );
}

/** Since when and why it is shut, and when it opens. @param {{ lane: Lane }} props */
function Why({ lane }) {
  const { pause, state, since, opens_at: opens } = lane;
  if (state === 'open') return null;
  const when = since && t('queue.since', { time: clock(since) });
  return p(
    { class: 'lane-why' },
    pause ? t(whoOf(pause) ? 'queue.paused_by' : 'queue.paused', { who: whoOf(pause), time: clock(pause.since) }) : when,
    pause || when ? ' · ' : '',
    laneReason(lane),
    ' · ',
    span({ class: 'lane-opens' }, opens ? t(OPENS[state] ?? 'queue.opens', { time: clock(opens) }) : t(pause ? 'queue.until_resumed' : 'queue.next_tries')),
  );
}

/** @type {Partial<Record<Lane['state'], string>>} */
const OPENS = { closed: 'queue.tries_at', paused: 'queue.resumes_at', half_open: 'queue.trying' };

/** @param {{ lane: Lane }} props */
function Figures({ lane }) {
  const rate = lane.finished_per_s;
  const oldest = lane.oldest_at && duration(Math.max(0, (now.value - new Date(lane.oldest_at).getTime()) / 1000));
  /** @type {[string, import('preact').ComponentChildren][]} */
  const shown = [
    ['queue.waiting', me.value?.operator ? a({ ...link(address('tasks', { status: 'pending', provider: lane.provider })) }, number(lane.queued)) : number(lane.queued)],
    ['queue.later', number(lane.delayed)],
    ['queue.running', number(lane.held)],
    ['queue.rate', rate ? t('queue.per_minute', { n: number(rate * 60, { maximumFractionDigits: rate < 1 ? 1 : 0 }) }) : '–'],
    ['queue.oldest', oldest || '–'],
  ];
  return dl(
    { class: 'lane-figures' },
    shown.map(([name, value]) => div({ key: name }, dt(null, t(name)), dd(null, value))),
  );
}

/** What an operator may do with it as it stands. @param {{ lane: Lane }} props */
function Acts({ lane }) {
  const { name, state } = lane;
  const waits = busy.value === name;
  if (state === 'paused') {
    return h(Button, { text: t('queue.resume'), icon: 'play', kind: 'primary', busy: waits, onClick: () => void resume(lane) });
  }
  return [
    (state === 'closed' || state === 'half_open') && h(Button, { text: t('queue.probe'), icon: 'eye', busy: waits, key: 'probe', onClick: () => void probe(lane) }),
    state !== 'open' && h(Button, { text: t('queue.open'), icon: 'play', busy: waits, key: 'open', onClick: () => begin('open', lane) }),
    h(Button, { text: t('queue.pause'), icon: 'pause', busy: waits, key: 'pause', onClick: () => begin('pause', lane) }),
  ];
}

