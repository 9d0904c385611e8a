/** How the server is: what it stands on, who works, which loops run, how much room there is. */

import { useEffect } from 'preact/hooks';

import { api } from '../../api.js';
import { div, h, h3, li, meter, p, section, span, strong, table, tbody, td, th, thead, tr, ul } from '../../dom.js';
import { bytes, number } from '../../format.js';
import { has, t } from '../../i18n.js';
import { useAsked } from '../../ui/asking.js';
import { Ago } from '../../ui/time.js';
import { Head, Shown } from './asking.js';

const LOOK_MS = 10_000;
const TIGHT = 0.1;

export function Health() {
  const asked = useAsked(() => api.get('/server'));
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && asked.look(), LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  const found = asked.data;
  return section(
    null,
    h(Head, { title: t('settings.health'), text: found && [t('health.since'), ' ', h(Ago, { at: found.began_at })] }),
    h(Shown, { asked }, found && [
      ul({ class: 's-checks', 'aria-label': t('health.checks') }, Object.entries(found.checks).map(([name, said]) => h(Check, { key: name, name, said, version: name === 'storage' ? null : found[name] }))),
      h(Storage, { found }),
      h(Workers, { workers: found.workers }),
      h(Loops, { loops: found.loops }),
      p({ class: 's-part-text' }, t('health.versions', { danqing: found.version, python: found.python }), ' ', t(found.asks_for_keys ? 'health.with_keys' : 'health.without_keys'), found.simulated.length > 0 && ` ${t('health.simulated', { names: found.simulated.join(', ') })}`),
    ]),
  );
}

/** @param {{ name: string, said: any, version: string | null | undefined }} props */
const Check = ({ name, said, version }) =>
  li(
    { class: said === 'ok' ? 's-check' : 's-check s-check-bad' },
    span({ 'aria-hidden': 'true', class: 's-check-mark' }, said === 'ok' ? '●' : '✕'),
    strong(null, has(`health.${name}`) ? t(`health.${name}`) : name),
    version && span({ class: 's-row-soft' }, version),
    span({ class: 's-check-said' }, said === 'ok' ? t('health.works') : said),
  );

/** @param {{ found: any }} props */
function Storage({ found }) {
  const { space } = found;
  if (!space) return p({ class: 's-part-text' }, t(`health.storage_${found.storage}`));
  const part = space.free_bytes / space.total_bytes;
  return div(
    { class: part < TIGHT ? 's-space s-space-tight' : 's-space' },
    h3(null, t('health.space')),
    meter({ min: 0, max: 1, high: 1 - TIGHT, value: 1 - part, 'aria-label': t('health.used') }),
    p(null, t('health.free', { free: bytes(space.free_bytes), total: bytes(space.total_bytes) }), part < TIGHT && ` ${t('health.tight')}`),
  );
}

/** @param {{ workers: any[] | null }} props */
function Workers({ workers }) {
  if (workers === null) return p({ class: 's-part-text' }, t('health.workers_unknown'));
  return div(
    null,
    h3(null, t('health.workers_n', { n: workers.length })),
    table(
      { class: 's-plain-table' },
      thead(null, tr(null, th({ scope: 'col' }, t('health.host')), th({ scope: 'col' }, t('health.pid')), th({ scope: 'col' }, t('health.started')), th({ scope: 'col' }, t('health.seen')))),
      tbody(null, workers.map((each) => tr({ key: `${each.host} ${each.pid}` }, td(null, each.host), td(null, String(each.pid)), td(null, each.started_at && h(Ago, { at: each.started_at })), td(null, h(Ago, { at: each.seen_at }))))),
    ),
  );
}

/** @param {{ loops: any[] }} props */
function Loops({ loops }) {
  const bad = loops.filter((each) => !each.alive || each.deaths);
  return div(
    null,
    h3(null, t('health.loops')),
    p({ class: 's-part-text' }, bad.length ? t('health.loops_bad', { names: bad.map((each) => `${each.name} (${number(each.deaths)})`).join(', ') }) : t('health.loops_good', { n: loops.length })),
  );
}
