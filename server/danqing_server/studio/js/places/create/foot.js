/** The end of the form: what it costs, what stands in the way, and the button. */

import { useSignal } from '@preact/signals';

import { button, div, h, later, li, p, small, ul } from '../../dom.js';
import { clock, money } from '../../format.js';
import { t } from '../../i18n.js';
import { connection, isShut, laneOf } from '../../live.js';
import { Button } from '../../ui/button.js';
import { icon } from '../../ui/icon.js';
import { Problem } from '../../ui/states.js';
import { draft, reset } from './drafts.js';
import { fields, model } from './models.js';
import { busy, checked, drop, failure, paint, problems, send, uploading } from './sending.js';

const AsCode = later(() => import('./code.js'));
const LaneNote = later(() => import('../../ui/lane_note.js'));

/** @param {any} estimate */
const amount = (estimate) => money(estimate.amount, estimate.currency);

/** What the button says: how many, and for how much; of two models each. */
function wording() {
  const answers = checked.value ?? [];
  const found = answers.filter((each) => each.outputs > 0);
  if (uploading.value) return t('create.uploads_first', { n: uploading.value });
  if (!found.length || found.length < answers.length) return t('create.paint');
  const count = found.map((each) => each.outputs).join(' + ');
  const priced = found.every((each) => each.estimate) ? found.map((each) => amount(each.estimate)).join(' + ') : null;
  const key = found[0].prepared?.kind === 'video' ? 'create.film' : 'create.paint';
  return priced ? t(`${key}_for`, { count, price: priced }) : t(`${key}_count`, { count });
}

/** "at most ¥1.60": where a broken call may have to be paid again, or a price is a range. */
function atMost() {
  const ranged = (checked.value ?? []).filter((each) => each.estimate && each.estimate.at_most !== each.estimate.amount);
  if (!ranged.length) return null;
  return t('create.at_most', { amount: ranged.map((each) => money(each.estimate.at_most, each.estimate.currency)).join(' + ') });
}

export function Foot() {
  const shown = useSignal(false);
  const sending = draft.value.sending;
  const unsure = !!sending && !busy.value;
  return div(
    { class: 'create-foot' },
    h(Summary, {}),
    h(Lanes, {}),
    (checked.value ?? []).flatMap((each) => each.notes).map((note) => p({ class: 'note', key: note }, icon('info'), note)),
    (checked.value ?? []).flatMap((each) => each.limits).map((limit) => p({ class: 'note note-wait', key: limit.message }, icon('warning'), limit.message)),
    !!failure.value && h(Problem, { error: failure.value }),
    unsure &&
      div(
        { class: 'problem unsent', role: 'alert' },
        icon('warning'),
        p({ class: 'problem-text' }, t('create.unsent', { time: clock(new Date(sending.at).toISOString()) })),
        h(Button, { text: t('create.drop'), kind: 'plain', onClick: drop }),
      ),
    div(
      { class: 'create-go' },
      unsure
        ? h(Button, { text: t('create.send'), kind: 'primary', class: 'paint', onClick: () => void send() })
        : h(Button, { text: wording(), kind: 'primary', class: 'paint', busy: busy.value, disabled: !!uploading.value || !model.value, hint: 'Ctrl ↵', onClick: () => void paint() }),
    ),
    div(
      { class: 'create-under' },
      small(null, atMost()),
      connection.value.state === 'offline' && small({ class: 'offline-hint' }, t('create.offline')),
      button({ type: 'button', class: 'link', onClick: reset }, t('create.reset')),
      button({ type: 'button', class: 'link', onClick: () => (shown.value = true) }, t('create.as_json')),
    ),
    shown.value && h(AsCode, { onClose: () => (shown.value = false) }),
  );
}

/** What is wrong after it was sent, read out at once; fields have their own words beside them. */
function Summary() {
  const known = new Set(fields.value.map((each) => each.name));
  const all = Object.entries(problems.value);
  const others = all.filter(([path]) => !known.has(path.replace(/[.[].*/, '')));
  if (!all.length) return div({ role: 'alert' });
  return div(
    { class: 'problem', role: 'alert', id: 'create-wrong', tabIndex: -1 },
    icon('warning'),
    div(
      { class: 'problem-text' },
      p(null, t('problem.summary', { n: all.length })),
      others.length > 0 && ul(null, others.map(([path, message]) => li({ key: path }, `${path}: ${message}`))),
    ),
  );
}

/** Where it would wait, when its lane is shut: submitting stays allowed. */
function Lanes() {
  const names = new Set((checked.value ?? []).map((each) => each.lane?.name));
  return [...names].map((name) => {
    const lane = name && laneOf(name);
    return lane && isShut(lane) && h(LaneNote, { ...lane, key: name });
  });
}
