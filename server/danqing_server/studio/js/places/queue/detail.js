/** Who waits in a lane, whose turn it is, and what happened to it within a day. */

import { a, code, div, h, h3, li, ol, p, span, table, tbody, td, th, thead, tr } from '../../dom.js';
import { clock, number } from '../../format.js';
import { has, t } from '../../i18n.js';
import { address, link } from '../../router.js';
import { me } from '../../session.js';

/** @typedef {import('../../types/api.d.ts').LaneTurn} Turn */
/** @typedef {import('../../types/api.d.ts').LaneUser} Waiting */

/** @param {{ detail: { waiting: Waiting[], history: Turn[] } }} props */
export const Detail = ({ detail }) =>
  div(
    { class: 'lane-detail' },
    div(null, h3(null, t('queue.who_waits')), detail.waiting.length ? h(Line, { waiting: detail.waiting }) : p({ class: 'lane-none' }, t('queue.nobody'))),
    div(null, h3(null, t('queue.last_day')), detail.history.length ? h(History, { history: detail.history }) : p({ class: 'lane-none' }, t('queue.nothing_happened'))),
  );

/** Whose act it was; without keys nobody has a name. @param {{ by: string | null }} act */
export const whoOf = ({ by }) => (by === '(local)' ? '' : (by ?? ''));

/** @param {{ waiting: Waiting[] }} props */
function Line({ waiting }) {
  const all = !!me.value?.operator;
  const most = Math.max(...waiting.map((each) => each.tasks));
  return table(
    { class: 'lane-line' },
    thead(null, tr(null, th({ scope: 'col' }, t('queue.user')), th({ scope: 'col', class: 'number' }, t('queue.tasks')), all && th({ scope: 'col', class: 'number' }, t('queue.turn')))),
    tbody(
      null,
      waiting.map((each) =>
        tr(
          { key: `${each.project} ${each.user_id}` },
          th({ scope: 'row' }, all ? a(link(address('tasks', { status: 'pending,scheduled', user_id: each.user_id, project: each.project })), each.user_id) : each.user_id, all && each.project && span({ class: 'lane-project' }, ` ${each.project}`)),
          td({ class: 'number' }, number(each.tasks), h(Share, { part: each.tasks / most })),
          all && td({ class: 'number' }, each.turn === null ? '–' : each.turn ? number(each.turn + 1) : t('queue.next')),
        ),
      ),
    ),
  );
}

/** @param {{ part: number }} props */
const Share = ({ part }) =>
  span({ class: 'share', 'aria-hidden': 'true', ref: (node) => node?.style.setProperty('--part', String(part)) });

/** @param {{ history: Turn[] }} props */
const History = ({ history }) =>
  ol(
    { class: 'lane-history' },
    history.slice(0, 40).map((turn) =>
      li(
        { key: `${turn.at} ${turn.kind}` },
        span({ class: 'lane-at' }, clock(turn.at)),
        span({ class: `lane-kind lane-kind-${turn.kind}` }, t(whoOf(turn) ? `queue.by.${turn.kind}` : `queue.turn.${turn.kind}`, { who: whoOf(turn) })),
        turn.reason && span({ class: 'lane-said' }, reasonOf(turn)),
        turn.until && span({ class: 'lane-said' }, t('queue.until', { time: clock(turn.until) })),
      ),
    ),
  );

/** @param {Turn} turn */
function reasonOf({ kind, reason }) {
  if (kind !== 'closed' && kind !== 'held') return t('lane.quoted', { text: reason ?? '' });
  return has(`lane.why.${reason}`) ? t(`lane.why.${reason}`) : code(null, reason);
}
