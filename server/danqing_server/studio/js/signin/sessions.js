/** Who is signed in with this key (for an administrator: with any), each to be signed out. A part of Settings. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { api } from '../api.js';
import { div, h, h2, li, p, section, span, strong, ul } from '../dom.js';
import { t } from '../i18n.js';
import { may } from '../session.js';
import { announce } from '../ui/announce.js';
import { Button } from '../ui/button.js';
import { Problem, Skeleton } from '../ui/states.js';
import { Ago } from '../ui/time.js';

export function Sessions() {
  const found = useSignal(/** @type {import('../session.js').Session[] | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));

  async function look() {
    error.value = null;
    try {
      found.value = (await api.get('/studio/sessions')).sessions;
    } catch (thrown) {
      error.value = thrown;
    }
  }
  useEffect(() => {
    look();
  }, []);

  /** @param {import('../session.js').Session} session */
  async function end(session) {
    try {
      await api.del(`/studio/sessions/${session.id}`);
      announce(t('sessions.ended', { name: session.user_id }));
      await look();
    } catch (thrown) {
      error.value = thrown;
    }
  }

  return section(
    { class: 'sessions' },
    h2(null, t(may('admin') ? 'sessions.title_all' : 'sessions.title')),
    error.value !== null && h(Problem, { error: error.value, onRetry: look }),
    found.value === null && error.value === null && h(Skeleton, { lines: 2, tiles: 0 }),
    found.value?.length === 0 && p(null, t('sessions.none')),
    found.value && ul({ class: 'session-list' }, found.value.map((each) => h(Row, { key: each.id, session: each, onEnd: () => end(each) }))),
  );
}

/** @param {{ session: import('../session.js').Session, onEnd: () => void }} props */
const Row = ({ session, onEnd }) =>
  li(
    { class: 'session' },
    div(
      { class: 'session-who' },
      strong(null, session.user_id),
      session.current && span({ class: 'session-here' }, t('sessions.here')),
      p({ class: 'session-where' }, `${browserOf(session.agent)} · ${session.address} · `, h(Ago, { at: session.seen_at })),
    ),
    !session.current && h(Button, { text: t('sessions.end'), title: t('sessions.end_of', { name: session.user_id }), onClick: onEnd }),
  );

/** @param {string | null} agent as a browser calls itself */
export function browserOf(agent) {
  const browser = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari'].find((each) => agent?.includes(`${each}/`));
  const system = ['Windows', 'Android', 'iPhone', 'iPad', 'Mac', 'Linux'].find((each) => agent?.includes(each));
  if (!browser || !system) return t('sessions.unknown');
  return t('sessions.agent', { browser: { Edg: 'Edge', OPR: 'Opera' }[browser] ?? browser, system });
}
