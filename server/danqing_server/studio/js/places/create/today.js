/** The tasks of today that are one's own, the youngest first; each is a signal, so that one that ticks moves no other. */

import { computed, effect, signal } from '@preact/signals';

import { api } from '../../api.js';
import { beginOf, dayOf } from '../../format.js';
import { onGone } from '../../gone.js';
import { t } from '../../i18n.js';
import { keep, kept } from '../../kept.js';
import { onTask, tell } from '../../live.js';
import { isForeign, oversees, ownProject } from '../../session.js';
import { announce } from '../../ui/announce.js';
import { isOpen } from '../../ui/status.js';
import { person } from './sending.js';

/** @typedef {import('@preact/signals').Signal<any>} TaskSignal */

const MOST = 48;
const LOOK_MS = 5_000;
const WHOLE = 12;

/** @type {Map<string, TaskSignal>} */
const known = new Map();

/** Ids, the youngest first. @type {import('@preact/signals').Signal<string[]>} */
export const ids = signal([]);
/** @type {import('@preact/signals').Signal<unknown>} */
export const trouble = signal(null);
export const loaded = signal(false);

/** @param {string} id @returns {TaskSignal} */
export const taskOf = (id) => /** @type {TaskSignal} */ (known.get(id));

/** Midnight where the reader is: what is of today for them. */
const midnight = () => beginOf(dayOf());

/** @param {any} task of the stream, or a row of a list, which has less */
function take(task) {
  const held = known.get(task.id);
  if (held) {
    const before = held.peek();
    if (before.updated_at > task.updated_at) return;
    const isRow = !('input' in task) && 'input' in before;
    held.value = isRow ? { ...before, ...rowPart(task) } : task;
    if (isOpen(before) && !isOpen(task)) ended(task);
    if (isRow && (before.status !== task.status || (before.kept ?? -1) !== task.kept)) void whole(task.id);
    return;
  }
  known.set(task.id, signal(task));
  const rest = [...ids.value, task.id].sort((one, other) => (taskOf(other).peek().created_at > taskOf(one).peek().created_at ? 1 : -1));
  for (const gone of rest.splice(MOST)) known.delete(gone);
  ids.value = rest;
}

/** @param {any} row what a list says for certain, beside what is known in full */
const rowPart = ({ status, progress, updated_at, cost, billed, kept, completed_at }) => ({ status, progress, updated_at, cost, billed, kept, completed_at });

/** @param {string} id */
async function whole(id) {
  try {
    take(await api.get(`/tasks/${id}`));
  } catch {
    // it is asked for again with its next change
  }
}

const unseen = signal(0);

effect(() => {
  const count = unseen.value;
  const plain = document.title.replace(/^\(\d+\) /, '');
  document.title = count ? `(${count}) ${plain}` : plain;
});

/** @param {any} task */
function ended(task) {
  announce(t(task.status === 'completed' ? 'create.done' : 'create.not_done'));
  if (document.hidden) unseen.value += 1;
  chime(task.status === 'completed');
}

/** Whose tasks are of today: one's own, though an operator sees others' of the same name. @param {number} limit */
const wanted = (limit) => ({ user_id: person.peek(), from: midnight(), limit, project: oversees() ? ownProject() : null });

/** Ask for the day's tasks; the first few whole, since a row knows one picture alone. */
export async function load() {
  try {
    const page = await api.get('/tasks', wanted(MOST));
    for (const task of page.tasks.reverse()) take(task);
    loaded.value = true;
    trouble.value = null;
    await Promise.all(ids.value.slice(0, WHOLE).filter((id) => !('input' in taskOf(id).peek())).map(whole));
  } catch (error) {
    trouble.value = error;
  }
}

export const open = computed(() => ids.value.filter((id) => isOpen(taskOf(id).value)));

/** A page that nobody sees has no stream: while something is under way it asks now and then. */
async function lookUnseen() {
  if (!document.hidden || !open.peek().length) return;
  try {
    const page = await api.get('/tasks', wanted(20));
    for (const row of page.tasks) tell(row);
  } catch {
    // asked again in a moment
  }
}

/** Begin to follow; returns what ends that. */
export function follow() {
  const stop = onTask((task) => {
    if (task.user_id === person.peek() && !('project' in task && isForeign(task.project))) take(task); // the stream tells of none that is another's
  });
  const seen = () => {
    if (!document.hidden) unseen.value = 0;
  };
  const timer = setInterval(lookUnseen, LOOK_MS);
  document.addEventListener('visibilitychange', seen);
  void load();
  return () => {
    stop();
    clearInterval(timer);
    document.removeEventListener('visibilitychange', seen);
  };
}

onGone((gone) => {
  ids.value = ids.value.filter((id) => !gone.includes(id));
  for (const id of gone) known.delete(id);
});

/** Whether a sound tells that something is done: two soft notes, made here. */
export const sounding = signal(kept('sound') === 'on');

/** @type {AudioContext | null} */
let context = null;

/** @param {boolean} on browsers let a page sound only after it was touched: the switch is that touch */
export function setSounding(on) {
  sounding.value = on;
  keep('sound', on ? 'on' : null);
  if (on) chime(true);
}

/** @param {boolean} good */
export function chime(good) {
  if (!sounding.peek()) return;
  try {
    context ??= new AudioContext();
    void context.resume();
    (good ? [587, 880] : [440, 330]).forEach((pitch, place) => note(/** @type {AudioContext} */ (context), pitch, place * 0.16));
  } catch {
    // a browser without sound
  }
}

/** @param {AudioContext} at @param {number} pitch @param {number} after_s */
function note(at, pitch, after_s) {
  const [tone, loudness] = [at.createOscillator(), at.createGain()];
  const begin = at.currentTime + after_s;
  tone.frequency.value = pitch;
  loudness.gain.setValueAtTime(0, begin);
  loudness.gain.linearRampToValueAtTime(0.12, begin + 0.02);
  loudness.gain.exponentialRampToValueAtTime(0.001, begin + 0.5);
  tone.connect(loudness).connect(at.destination);
  tone.start(begin);
  tone.stop(begin + 0.55);
}
