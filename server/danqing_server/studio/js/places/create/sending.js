/**
 * What is asked for: checked while one writes, and sent once however often it is pressed.
 *
 * What leaves is written down first, with its Idempotency-Key. When no answer comes nobody knows whether it arrived: it
 * stays, with a button that sends the very same again under the same key. Nothing is ever sent by itself.
 */

import { computed, effect, signal, useSignal } from '@preact/signals';

import { ApiError, api, newKey } from '../../api.js';
import { button, div, h, later, li, p, small, ul } from '../../dom.js';
import { clock, money } from '../../format.js';
import { t } from '../../i18n.js';
import { connection, isShut, laneOf, tell } from '../../live.js';
import { me } from '../../session.js';
import { announce, notify } from '../../ui/announce.js';
import { Button } from '../../ui/button.js';
import { icon } from '../../ui/icon.js';
import { Problem } from '../../ui/states.js';
import { change, draft, isForgotten, isLost, reset, saveNow, saysNothing } from './drafts.js';
import { fields, hasEffect, inputOf, model, second } from './models.js';
import { remember } from './prompt.js';
import { isComing, isLacking, picturesOf } from './references.js';

/** @typedef {import('./models.js').Choice} Choice */

const PAUSE_MS = 400;
const TWICE_MS = 700;

/** Whose tasks these are. */
export const person = computed(() => me.value?.name || 'studio');

/**
 * Return the body of a submission.
 *
 * @param {Choice} choice
 * @returns {Record<string, any>}
 */
function bodyOf(choice) {
  const { values, terms } = draft.value;
  return {
    type: choice.type,
    model: choice.model,
    ...(choice.provider ? { provider: choice.provider } : {}),
    input: inputOf(choice.fields, values),
    user_id: person.value,
    ...terms,
  };
}

const chosen = computed(() => /** @type {Choice[]} */ ([model.value, second.value].filter(Boolean)));
const bodies = computed(() => chosen.value.map(bodyOf));

/** What the server says of each body; null until it does. @type {import('@preact/signals').Signal<any[] | null>} */
export const checked = signal(null);

const looked = signal(''); // all but the words: they are being written
const saidOf = (/** @type {any[]} */ all) => JSON.stringify(all.map(({ input: { prompt, ...input }, ...body }) => [body, input]));

/** What it says of what stands there now; a price of something else is none. */
const answered = computed(() => (looked.value === saidOf(bodies.value) ? (checked.value ?? []) : []));

/** What was wrong when it was sent: what is missing is told only then. @type {import('@preact/signals').Signal<import('../../api.js').Problem[]>} */
export const refusals = signal([]);

/** Why it was not taken, when no field is to blame. @type {import('@preact/signals').Signal<unknown>} */
export const failure = signal(null);

export const busy = signal(false);

/** The fields whose pictures are sent. */
const pictured = computed(() => fields.value.filter((each) => each.ui.widget === 'references' && hasEffect(each, draft.value.values)));

/** How many references are not there yet. */
export const uploading = computed(() => pictured.value.flatMap((each) => picturesOf(each.name)).filter(isComing).length);

/** The fields of which a reference did not arrive: what was painted without it would be something else. */
const lacking = computed(() => pictured.value.filter((each) => picturesOf(each.name).some(isLacking)));

/** What is wrong, by the path below `input`; the first model's words come first. */
export const problems = computed(() => {
  /** @type {Record<string, string>} */
  const found = {};
  const { values } = draft.value;
  for (const { name } of lacking.value) found[name] = t('create.not_arrived');
  for (const { problems: said = [] } of checked.value ?? []) {
    for (const { field, message } of said) {
      const path = field.replace(/^input\.?/, '');
      const name = path.replace(/[.[].*/, '');
      if (values[name] !== undefined) found[path] ??= message;
    }
  }
  for (const { field, message } of refusals.value) found[field.replace(/^input\.?/, '')] ??= message;
  return found;
});

/**
 * Return what is wrong with a field, and with the parts of it that have no field of their own.
 *
 * @param {string} name
 */
export const problemOf = (name) =>
  Object.entries(problems.value).find(([path]) => path === name || path.startsWith(`${name}[`))?.[1] ?? null;

let asked = 0;
let pause = 0;

/** Have the server look at what is written, as far as it is; a price does not wait for the prompt. */
async function check() {
  const number = ++asked;
  const meant = bodies.value;
  const words = chosen.value.map(({ fields }) => fields.some(({ name }) => name === 'prompt') && { prompt: '…' });
  const sent = meant.map((body, place) => ({ ...body, input: { ...words[place], ...body.input } }));
  try {
    const found = await Promise.all(sent.map((body) => api.post('/ai/tasks/check', body)));
    if (number === asked) [checked.value, looked.value] = [found, saidOf(meant)];
  } catch (error) {
    if (number === asked) checked.value = null;
    if (!(error instanceof ApiError)) throw error;
  }
}

/** Look whenever something changed, a moment after it did; returns what ends that. */
export const checking = () =>
  effect(() => {
    void bodies.value;
    if (connection.value.state === 'offline' || !model.value) return;
    clearTimeout(pause);
    pause = setTimeout(check, PAUSE_MS);
  });

let pressed_ms = -TWICE_MS;

/** Send what is written, unless it is pressed twice, or something else has no answer yet. */
export async function paint() {
  const now = performance.now();
  if (busy.value || draft.value.sending || uploading.value || now - pressed_ms < TWICE_MS || !model.value) return;
  refusals.value = [];
  if (lacking.value.length) return focusFirst();
  pressed_ms = now;
  const calls = bodies.value.map((body) => ({ key: newKey(), body }));
  change({ sending: { calls, at: Date.now() } });
  await send();
}

/** Send what has no answer yet, again or for the first time. */
export async function send() {
  const sending = draft.value.sending;
  if (!sending || busy.value) return;
  if (isForgotten(sending)) return change({}); // and say so
  busy.value = true;
  failure.value = null;
  saveNow();
  let [call] = sending.calls;
  try {
    for (call of [...sending.calls]) await sendOne(call);
    announce(t('create.sent'));
    if (matchMedia('(max-width: 45rem)').matches) requestAnimationFrame(() => document.querySelector('.today')?.scrollIntoView()); // it is below the form there, once something is in it
  } catch (error) {
    failed(error, call?.key);
  } finally {
    busy.value = false;
    saveNow();
  }
}

/** @param {import('./drafts.js').Call} call */
async function sendOne(call) {
  tell(await api.post('/ai/tasks', call.body, { key: call.key }));
  remember(String(call.body.input.prompt ?? ''));
  const left = draft.value.sending?.calls.filter((each) => each.key !== call.key) ?? [];
  change({ sending: left.length ? { at: Date.now(), ...draft.value.sending, calls: left } : null });
}

/** @param {unknown} error @param {string | undefined} key of the call that it is about */
function failed(error, key) {
  if (!(error instanceof ApiError)) throw error;
  const calls = draft.value.sending?.calls ?? [];
  // Whether it arrived is not known: it stays.
  if (isLost(error)) return change({ sending: { at: Date.now(), ...draft.value.sending, calls: calls.map((each) => (each.key === key ? { ...each, lost: true } : each)) } });
  if (saysNothing(error) && calls.find((each) => each.key === key)?.lost) return void (failure.value = error);
  leaveRest();
  refusals.value = error.problems.filter((each) => each.field);
  if (!refusals.value.length) failure.value = error;
  focusFirst();
}

/** Lead to the first field that is wrong. */
function focusFirst() {
  requestAnimationFrame(() => {
    const names = fields.value.map((each) => each.name);
    const wrong = Object.keys(problems.value).map((path) => path.replace(/[.[].*/, ''));
    const name = names.find((each) => wrong.includes(each));
    const control = name && document.getElementById(`create-${name}`);
    if (control) /** @type {HTMLElement} */ (control).focus();
    else document.getElementById('create-wrong')?.focus();
  });
}

/** Forget what has no answer: should it have arrived, it is among the tasks. */
export function drop() {
  leaveRest();
  failure.value = null;
}

/** Send nothing more of this; of two models, one of which took it, the form asks for the other alone. */
function leaveRest() {
  const left = draft.value.sending?.calls ?? [];
  const [one] = left;
  const other = left.length === 1 && second.value && [model.value, second.value].find((each) => each?.model === one?.body.model && each?.provider === (one?.body.provider ?? null));
  change({ sending: null, ...(other ? { model: other.key, second: '' } : {}) });
  if (other) notify(t('create.rest', { model: other.title }), { kind: 'wrong' });
}

const AsCode = later(() => import('./code.js'));
const LaneNote = later(() => import('../../ui/lane_note.js'));

/** @param {any} estimate */
const amount = (estimate) => money(estimate.amount, estimate.currency);

/** What the button says: how many, and for how much; of two models each. */
function wording() {
  const answers = answered.value;
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
  const ranged = answered.value.filter((each) => each.estimate && each.estimate.at_most !== each.estimate.amount);
  if (!ranged.length) return null;
  return t('create.at_most', { amount: ranged.map((each) => money(each.estimate.at_most, each.estimate.currency)).join(' + ') });
}

export function Foot() {
  const shown = useSignal(false);
  const sending = draft.value.sending;
  const unsure = !!sending && !busy.value;
  const forgotten = unsure && isForgotten(sending);
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
        p({ class: 'problem-text' }, t(forgotten ? 'create.forgotten' : 'create.unsent', { time: clock(new Date(sending.at).toISOString()) })),
        h(Button, { text: t('create.drop'), kind: 'plain', onClick: drop }),
      ),
    div(
      { class: 'create-go' },
      unsure
        ? h(Button, { text: t('create.send'), kind: 'primary', class: 'paint', disabled: forgotten, onClick: () => void send() })
        : h(Button, { text: wording(), kind: 'primary', class: 'paint', busy: busy.value, disabled: !!uploading.value || !model.value, hint: 'Ctrl ↵', onClick: () => void paint() }),
    ),
    div(
      { class: 'create-under' },
      small(null, atMost()),
      connection.value.state === 'offline' && small({ class: 'offline-hint' }, t('create.offline')),
      button({ type: 'button', class: 'link', onClick: reset }, t('create.reset')),
      button({ type: 'button', class: 'link', onClick: () => (shown.value = true) }, t('create.as_json')),
    ),
    shown.value && h(AsCode, { bodies: bodies.value, onClose: () => (shown.value = false) }),
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
