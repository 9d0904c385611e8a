/**
 * What is asked for: checked while one writes, and sent once however often it is pressed.
 *
 * What leaves is written down first, with its Idempotency-Key. When no answer comes nobody knows whether it arrived: it
 * stays, with a button that sends the very same again under the same key. Nothing is ever sent by itself.
 */

import { computed, effect, signal } from '@preact/signals';

import { ApiError, api, newKey } from '../../api.js';
import { t } from '../../i18n.js';
import { connection, tell } from '../../live.js';
import { me } from '../../session.js';
import { announce } from '../../ui/announce.js';
import { change, draft, saveNow } from './drafts.js';
import { fields, model, second } from './models.js';
import { remember } from './prompt.js';
import { underWay } from './references.js';
import { inputOf } from './schema.js';

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

/** One for each chosen model. */
export const bodies = computed(() => /** @type {Choice[]} */ ([model.value, second.value].filter(Boolean)).map(bodyOf));

/** What the server says of each body; null until it does. @type {import('@preact/signals').Signal<any[] | null>} */
export const checked = signal(null);

/** What was wrong when it was sent: what is missing is told only then. @type {import('@preact/signals').Signal<import('../../api.js').Problem[]>} */
export const refusals = signal([]);

/** Why it was not taken, when no field is to blame. @type {import('@preact/signals').Signal<unknown>} */
export const failure = signal(null);

export const busy = signal(false);

/** How many references are not there yet. */
export const uploading = computed(() => Object.values(underWay.value).filter((each) => !each.error).length);

/** What is wrong, by the path below `input`; the first model's words come first. */
export const problems = computed(() => {
  /** @type {Record<string, string>} */
  const found = {};
  const { values } = draft.value;
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
  const looked = bodies.value.map((body) => ({ ...body, input: { ...body.input, prompt: body.input.prompt ?? '…' } }));
  try {
    const found = await Promise.all(looked.map((body) => api.post('/ai/tasks/check', body)));
    if (number === asked) checked.value = found;
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
  pressed_ms = now;
  refusals.value = [];
  const calls = bodies.value.map((body) => ({ key: newKey(), body }));
  change({ sending: { calls, at: Date.now() } });
  await send();
}

/** Send what has no answer yet, again or for the first time. */
export async function send() {
  const sending = draft.value.sending;
  if (!sending || busy.value) return;
  busy.value = true;
  failure.value = null;
  saveNow();
  try {
    for (const call of [...sending.calls]) await sendOne(call);
    announce(t('create.sent'));
  } catch (error) {
    failed(error);
  } finally {
    busy.value = false;
    saveNow();
  }
}

/** @param {{ key: string, body: any }} call */
async function sendOne(call) {
  tell(await api.post('/ai/tasks', call.body, { key: call.key }));
  remember(String(call.body.input.prompt ?? ''));
  const left = draft.value.sending?.calls.filter((each) => each.key !== call.key) ?? [];
  change({ sending: left.length ? { calls: left, at: Date.now() } : null });
}

/** @param {unknown} error */
function failed(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 0 || error.status === 502 || error.status === 504) return; // whether it arrived is not known: it stays
  change({ sending: null });
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
  change({ sending: null });
  failure.value = null;
}
