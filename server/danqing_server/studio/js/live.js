/**
 * What happens while one looks: one stream of events, only while the page is visible, else polling.
 *
 * A browser opens six connections to a server over HTTP/1.1 and no more; a tab that cannot have one of the few streams
 * polls instead. A change is told once: what is older than what was told of the same task is dropped.
 */

import { batch, computed, effect, signal } from '@preact/signals';

import { addressOf, api, newKey } from './api.js';
import { keep, kept } from './kept.js';
import { isBarred, may, me } from './session.js';

/** @typedef {{ state: 'live' | 'polling' | 'offline', since: number }} Connection */

/** @typedef {import('./types/api.d.ts').LaneStanding} Lane */
/** @typedef {import('./types/api.d.ts').Task} Task */

const PATIENCE_MS = 3_000;
const POLL_MS = 4_000;
const LANES_MS = 15_000;
const LANES_POLLED_MS = 3_000;
const LANES_SOON_MS = 250;
const MOST_KNOWN = 2_000;
const MOMENT_MS = 10_000;
const APART_MS = 25;
const TASKS_PER_S = 200;
const MOST_TOGETHER = 16;

/** @type {import('@preact/signals').Signal<Connection>} */
export const connection = signal({ state: 'polling', since: Date.now() });

/** @type {Set<(task: any) => void>} */
const taskListeners = new Set();
/** How often each who looks at lanes wants to know, at least. @type {Set<{ every_ms: number }>} */
const laneWatchers = new Set();
/** The lanes: null, not known yet. @type {import('@preact/signals').Signal<Lane[] | null>} */
export const lanes = signal(null);

/** Whether new tasks of *lane* wait for something other than their turn; not what a service wants for a moment. @param {Lane} lane */
export const isShut = (lane) =>
  lane.state !== 'open' && !(lane.state === 'held' && !!lane.opens_at && new Date(lane.opens_at).getTime() - Date.now() < MOMENT_MS);

/** Those that are shut. */
export const shut = computed(() => (lanes.value ?? []).filter(isShut));

/** @param {string} name */
export const laneOf = (name) => lanes.value?.find((each) => each.name === name);
/** @type {Map<string, string>} */
const told = new Map();

let lastEventId = '';
let wasOpen = false;
/** @type {EventSource | null} */
let source = null;
/** @type {(() => void) | null} */
let leave = null;
let patience = 0;
let poller = 0;
let laneTimer = 0;
/** @type {Promise<any> | null} */
let lanesUnderWay = null;

/**
 * Call *listener* with each task that changed, as the API shows it; returns what ends that.
 *
 * @param {(task: any) => void} listener
 */
export function onTask(listener) {
  taskListeners.add(listener);
  return () => taskListeners.delete(listener);
}

/**
 * Keep `lanes` up to date, now and whenever one turned; returns what ends that.
 *
 * @param {number} [every_ms] how often their numbers are to be looked at
 */
export function watchLanes(every_ms = LANES_MS) {
  const watcher = { every_ms };
  laneWatchers.add(watcher);
  void lookAtLanes();
  return () => void laneWatchers.delete(watcher);
}

/** @param {Connection['state']} state */
function become(state) {
  if (connection.value.state !== state) connection.value = { state, since: Date.now() };
}

/** @param {any} task */
export function tell(task) {
  const known = told.get(task.id);
  if (known !== undefined && known > task.updated_at) return;
  told.delete(task.id);
  told.set(task.id, task.updated_at);
  if (told.size > MOST_KNOWN) told.delete(/** @type {string} */ (told.keys().next().value));
  for (const listener of taskListeners) listener(task);
}

/** Who may not read tasks is told of none, and asks for none: only whether the server is there. */
const follows = computed(() => !me.value || may('read'));

function open() {
  clearTimeout(patience);
  if (document.hidden || source || isBarred.peek()) return;
  patience = setTimeout(poll, PATIENCE_MS);
  if (follows.peek()) leave ??= takeStream(connect);
}

function connect() {
  if (source || document.hidden || isBarred.peek()) return;
  source = new EventSource(addressOf('/events', { per_second: TASKS_PER_S, last_event_id: lastEventId || null }));
  source.onopen = () => {
    clearTimeout(patience);
    clearTimeout(poller);
    become('live');
    if (wasOpen && !lastEventId) latest().catch(() => {}); // there is nothing yet to go on from
    wasOpen = true;
  };
  source.onerror = () => {
    clearTimeout(patience);
    patience = setTimeout(poll, PATIENCE_MS);
    if (source?.readyState === EventSource.CLOSED) {
      close();
      setTimeout(open, PATIENCE_MS);
    }
  };
  source.addEventListener('task', heard);
  source.addEventListener('progress', heard);
  source.addEventListener('lane', turned);
}

/** What was heard and not told yet, the latest of each task. @type {Map<string, any>} */
const unread = new Map();
let telling = 0;

/** The server tells many at once, twice a second: they are told on in portions that leave room for a key. @param {MessageEvent} event */
function heard(event) {
  if (streaming()) become('live');
  if (event.lastEventId) lastEventId = event.lastEventId;
  const task = JSON.parse(event.data);
  unread.set(task.id, task);
  telling ||= setTimeout(tellSome, 0);
}

function tellSome() {
  const some = [...unread.values()].slice(0, MOST_TOGETHER);
  for (const task of some) unread.delete(task.id);
  telling = unread.size ? setTimeout(tellSome, APART_MS) : 0;
  batch(() => some.forEach(tell));
}

/** A lane turned: what is said of it counts at once, and its numbers are looked at soon. @param {MessageEvent} event */
function turned(event) {
  const lane = JSON.parse(event.data);
  if (lanes.value) lanes.value = lanes.value.map((each) => (each.name === lane.name ? { ...each, ...lane } : each));
  clearTimeout(laneTimer);
  laneTimer = setTimeout(lookAtLanes, LANES_SOON_MS);
}

function close() {
  source?.close();
  source = null;
  leave?.();
  leave = null;
}

const streaming = () => source?.readyState === EventSource.OPEN;

/** Tell of the latest tasks, of those that were not told as they are. */
async function latest() {
  const page = await api.get('/tasks', { limit: 50 });
  for (const task of page.tasks.reverse()) if (told.get(task.id) !== task.updated_at) tell(task);
}

/** Whether an answer is waited for: it may be as late as a sign-in. */
let polling = false;

/** Ask for the latest; a stream that opened meanwhile tells how things stand from then on. */
async function poll() {
  clearTimeout(poller);
  if (document.hidden || polling || (streaming() && !doubted)) return;
  polling = true;
  try {
    await (follows.peek() ? latest() : api.get('/health'));
    doubted = false;
    become(streaming() ? 'live' : 'polling');
  } catch {
    if (!streaming() || doubted) become('offline');
  }
  polling = false;
  clearTimeout(poller);
  if (!streaming() || doubted) poller = setTimeout(poll, POLL_MS);
}

/** Whether the browser says that its network changed: a stream that seems open may be none, and this machine is there without one. */
let doubted = false;

function doubt() {
  doubted = true;
  void poll();
}

/** Look at all lanes, once for all who call at the same time. */
export async function lookAtLanes() {
  clearTimeout(laneTimer);
  if (!laneWatchers.size) return;
  if (!document.hidden) {
    try {
      lanesUnderWay ??= api.get('/lanes');
      lanes.value = (await lanesUnderWay).lanes;
    } catch {
      // what is wrong with the connection is told by the stream
    } finally {
      lanesUnderWay = null;
    }
  }
  clearTimeout(laneTimer);
  const wanted_ms = Math.min(...[...laneWatchers].map((each) => each.every_ms));
  laneTimer = setTimeout(lookAtLanes, connection.value.state === 'live' ? wanted_ms : Math.min(wanted_ms, LANES_POLLED_MS));
}

/** Begin; called once. */
export function start() {
  effect(() => (may('read') ? watchLanes() : undefined));
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) close();
    else {
      open();
      lookAtLanes();
    }
  });
  addEventListener('offline', doubt);
  addEventListener('online', doubt);
  addEventListener('pagehide', close);
  effect(() => {
    if (isBarred.value || !follows.value) close();
    if (!isBarred.value) open(); // who is not signed in is told nothing
  });
}

const MOST = 3;
const RENEW_MS = 4_000;
const STALE_MS = 11_000;

const own = newKey();

/** @param {number} place */
const nameOf = (place) => `stream.${place}`;

/** @param {number} place */
function holderOf(place) {
  const [id = '', at = '0'] = (kept(nameOf(place)) ?? '').split(' ');
  return Date.now() - Number(at) < STALE_MS ? id : '';
}

/** @param {number} place */
const renew = (place) => keep(nameOf(place), `${own} ${Date.now()}`);

/**
 * Call *begin* once there is room for a stream of this tab's; returns what gives the place back.
 *
 * @param {() => void} begin
 */
export function takeStream(begin) {
  let place = -1;
  let timer = 0;
  const step = () => {
    timer = setTimeout(step, RENEW_MS);
    if (place >= 0) {
      renew(place);
      return;
    }
    const free = Array.from({ length: MOST }, (_, each) => each).find((each) => ['', own].includes(holderOf(each)));
    if (free === undefined) return;
    if (!renew(free)) return begin();
    setTimeout(() => {
      if (holderOf(free) !== own) return; // another tab was faster
      place = free;
      begin();
    }, 60);
  };
  step();
  return () => {
    clearTimeout(timer);
    if (place >= 0 && holderOf(place) === own) keep(nameOf(place), null);
    place = -1;
  };
}
