/**
 * What is being written, kept in this browser: it survives a reload, a closed tab and a crash.
 *
 * Each tab has a draft of its own, in `localStorage` under the id that the tab knows from its `sessionStorage`. A new tab
 * goes on with the youngest draft that no tab holds. A tab that was duplicated holds its original's id, so it takes a
 * copy: who holds a draft writes its own mark into it, and a mark not renewed for a while is nobody's.
 */

import { computed, effect, signal } from '@preact/signals';

import { newKey } from '../../api.js';
import { keep, kept } from '../../kept.js';
import { me } from '../../session.js';

/**
 * @typedef {object} Picture a reference: `uri` is what is sent; one without is still on its way
 * @property {string} id
 * @property {string} [uri]
 * @property {string} [path] where it can be seen
 * @property {string} name
 */

/**
 * @typedef {object} Call
 * @property {string} key its Idempotency-Key
 * @property {any} body
 * @property {boolean} [lost] it may have been sent, and its answer did not come
 */

/**
 * @typedef {object} Sending what left, or was to, and has no answer yet
 * @property {Call[]} calls
 * @property {number} at since when there is no answer
 */

/**
 * @typedef {object} Draft
 * @property {string} model `provider/id`, or empty: the server's default
 * @property {string} second another one, for the same prompt
 * @property {import('./models.js').Values} values by name, for whatever model
 * @property {{ priority?: string, on_ambiguous?: string }} terms
 * @property {Sending | null} sending
 * @property {boolean} more whether the rest of the fields is shown
 */

const PREFIX = 'draft.';
const MOST = 12;
const RENEW_MS = 20_000;
const STALE_MS = 90_000; // timers of hidden tabs run once a minute
const SAVE_MS = 120;

const mark = newKey();
/** @type {Draft} */
const EMPTY = { model: '', second: '', values: {}, terms: {}, sending: null, more: false };

/** @param {string} id @returns {any} */
function stored(id) {
  try {
    return JSON.parse(kept(PREFIX + id) ?? 'null');
  } catch {
    return null;
  }
}

/** What a page sent that is gone: any of it may have arrived. @param {Sending | null | undefined} sending @returns {Sending | null} */
const doubted = (sending) => (Array.isArray(sending?.calls) ? { ...sending, calls: sending.calls.map((each) => ({ ...each, lost: true })) } : null);

/** Whether the server remembers no more what it was sent: sent again it would be bought again. @param {Sending} sending */
export const isForgotten = ({ at }) => Date.now() - at > (me.value?.idempotency_kept_s ?? Infinity) * 1000;

/** Whether an answer leaves open what became of the request. @param {import('../../api.js').ApiError} error */
export const isLost = ({ status, code }) => status === 0 || status === 502 || status === 504 || (status < 300 && code === 'unreadable');

/** Whether an answer may come without a look at the key: it says nothing of an earlier try. @param {import('../../api.js').ApiError} error */
export const saysNothing = ({ status }) => status >= 500 || [401, 403, 408, 429].includes(status);

/** Whatever was kept, also by a page of another version. @param {any} found @returns {Draft} */
const whole = (found) => ({ ...EMPTY, ...found.draft, values: { ...found.draft?.values }, terms: { ...found.draft?.terms }, sending: doubted(found.draft?.sending) });

/** @param {any} found */
const isFree = (found) => found && (!found.holder || found.holder === mark || Date.now() - found.at > STALE_MS);

/** @returns {string[]} ids of all drafts, the youngest first */
function known() {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(`danqing.${PREFIX}`));
    const ids = names.map((name) => name.slice(`danqing.${PREFIX}`.length));
    return ids.sort((one, other) => (stored(other)?.at ?? 0) - (stored(one)?.at ?? 0));
  } catch {
    return [];
  }
}

/** @returns {string | null} */
function ownId() {
  try {
    return sessionStorage.getItem('danqing.draft');
  } catch {
    return null;
  }
}

/** @returns {{ id: string, draft: Draft }} */
function taken() {
  const own = ownId();
  const found = own ? stored(own) : null;
  if (own && found && isFree(found)) return { id: own, draft: whole(found) };
  if (found) return { id: newKey(), draft: whole(found) }; // what was sent, too: under its own key it is made once
  const left = known().find((id) => isFree(stored(id)));
  return left ? { id: left, draft: whole(stored(left)) } : { id: newKey(), draft: EMPTY };
}

let { id, draft: first } = taken();
for (const [name, value] of Object.entries(first.values)) {
  if (Array.isArray(value) && value.some((each) => each?.id)) first.values[name] = value.filter((each) => each.uri);
}

export const draft = signal(first);
export const values = computed(() => draft.value.values);

/** @param {Partial<Draft>} changes */
export function change(changes) {
  draft.value = { ...draft.value, ...changes };
}

/**
 * @param {string} name
 * @param {any} value
 */
export function setValue(name, value) {
  change({ values: { ...draft.value.values, [name]: value } });
}

/** Leave everything to the service again, but the model and what was sent. */
export function reset() {
  change({ values: {}, terms: {} });
}

let timer = 0;

/** @param {string | null} holder */
function save(holder) {
  clearTimeout(timer);
  timer = 0;
  if (!isFree(stored(id) ?? {})) call(newKey()); // it slept, and another tab went on with its draft
  keep(PREFIX + id, JSON.stringify({ draft: draft.peek(), at: Date.now(), holder }));
}

/** Write the draft down before anything else happens. */
export const saveNow = () => save(mark);

/** @param {string} name the draft's */
function call(name) {
  id = name;
  try {
    sessionStorage.setItem('danqing.draft', id);
  } catch {
    // a browser that keeps nothing has one draft, until its tab is closed
  }
}

call(id);
saveNow();
for (const old of known().slice(MOST)) if (isFree(stored(old))) keep(PREFIX + old, null);
effect(() => {
  void draft.value;
  timer ||= setTimeout(saveNow, SAVE_MS);
});
setInterval(saveNow, RENEW_MS);
addEventListener('pagehide', () => save(null));
addEventListener('pageshow', saveNow);
