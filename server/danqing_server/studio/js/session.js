/** Who uses the page, and what they may see. */

import { computed, signal } from '@preact/signals';

import { ApiError, api, entrance } from './api.js';
import { t } from './i18n.js';
import { forgetWritten, keep, kept } from './kept.js';

/** @typedef {import('./types/api.d.ts').Session} Session */
/** @typedef {import('./types/api.d.ts').Me} Me */

const RENEW_MS = 30 * 60_000;

/** @type {import('@preact/signals').Signal<Me | null>} null: not known yet, or nobody is signed in */
export const me = signal(null);

/** Whether the sign-in dialog is open. */
export const signingIn = signal(false);

/** Whether the sign-in has ended and was put off: the page stays as it is, and asks again at the next change. */
export const signedOut = signal(false);

/** Whether nothing is told here until somebody signs in. */
export const isBarred = computed(() => signingIn.value || signedOut.value);

const chosenZone = signal(kept('zone'));

/**
 * Tell whether this browser knows a time zone: what it kept may be from another, and the server knows others.
 *
 * @param {string} name
 */
export function isZone(name) {
  try {
    return !!new Intl.DateTimeFormat('en', { timeZone: name });
  } catch {
    return false;
  }
}

/** The time zone that dates are shown in: chosen here, else the server's, else the browser's. */
export const zone = computed(
  () => [chosenZone.value, me.value?.zone, Intl.DateTimeFormat().resolvedOptions().timeZone].find((each) => each && isZone(each)) ?? 'UTC',
);

/** @param {string | null} name */
export const chooseZone = (name) => {
  chosenZone.value = name;
};

/**
 * Tell whether the key may do something.
 *
 * @param {Me['scopes'][number]} scope
 */
export const may = (scope) => !!me.value?.scopes.includes(scope);

/** Whether the key sees tasks of other projects, too: it may read those, and change its own. */
export const oversees = () => !!me.value?.operator && me.value.needs_key;

/** The id of the project whose key it is; what people call it is `me.project`. */
export const ownProject = () => me.value?.session?.project ?? me.value?.project;

/** Whether something of *project* is another's. @param {string | null | undefined} project */
export const isForeign = (project) => oversees() && project !== ownProject();

/** @type {{ changes: boolean, resolve: () => void, reject: (error: unknown) => void }[]} */
let waiting = [];
let looked_ms = 0;
let firstIsShown = false;

entrance.open = (changes) => {
  signingIn.value ||= changes || !(signedOut.value || firstIsShown);
  return new Promise((resolve, reject) => waiting.push({ changes, resolve, reject }));
};

/**
 * Sign in, and go on with what waited for it. Throws ApiError for a key that is none.
 *
 * @param {string} key
 * @param {string} name
 */
export async function signIn(key, name) {
  arrive(await begin(key, name));
}

/**
 * @param {string} key
 * @param {string} name
 * @returns {Promise<Me>}
 */
async function begin(key, name) {
  const found = await api.post('/studio/session', { key, user_id: name }, { signIn: false });
  keep('person', name);
  keep('signed_in', String(Date.now()));
  return found;
}

/**
 * Have *make* make the very first key, and sign in with it: from now on the server wants one. The page stays as it is,
 * with the key's secret on it, until `goOn` gives it the key's rights. Throws what *make* throws.
 *
 * @template {{ secret: string }} Made
 * @param {() => Promise<Made>} make
 */
export async function makeFirst(make) {
  firstIsShown = true;
  try {
    const made = await make();
    const found = await begin(made.secret, kept('person') ?? 'studio').catch(() => null);
    if (found) resume();
    const goOn = () => {
      firstIsShown = false;
      if (found) arrive(found);
      else signingIn.value = true;
    };
    return { made, isIn: !!found, goOn };
  } catch (error) {
    firstIsShown = false;
    throw error;
  }
}

/** @param {Me} found */
function arrive(found) {
  const before = me.value?.session?.project;
  if (before && before !== found.session?.project) {
    location.reload(); // what is open here is another project's, and so is what waits to be sent
    return;
  }
  me.value = found;
  signingIn.value = signedOut.value = false;
  resume();
}

/** Go on with what waited for a sign-in. */
function resume() {
  const resumed = waiting;
  waiting = [];
  entrance.times += 1;
  for (const each of resumed) each.resolve();
}

/** Put the sign-in off: what was to be changed is not, what was to be shown waits on, and the page stays as it is. */
export function putOff() {
  signingIn.value = false;
  signedOut.value = true;
  const refused = waiting.filter((each) => each.changes);
  waiting = waiting.filter((each) => !each.changes);
  for (const each of refused) each.reject(new ApiError(401, 'session_ended', t('app.signed_out')));
}

/** Sign out, in all tabs: they start anew, so that nothing of one person is left for the next. Throws ApiError. */
export async function signOut() {
  await api.del('/studio/session', {}, { signIn: false }).catch((error) => {
    if (error.status !== 401) throw error; // it had ended before
  });
  keep('signed_out', String(Date.now()));
  leave();
}

function leave() {
  forgetWritten();
  location.assign('/studio/');
}

/** Ask the server who we are; throws ApiError when it does not answer. */
export async function load() {
  looked_ms = Date.now();
  const { times } = entrance;
  const found = /** @type {Me} */ (await api.get('/studio/session', {}, { signIn: false }));
  if (found.signed_in) arrive(found);
  else if (!signedOut.value && entrance.times === times) signingIn.value = true;
}

/** Look again now and then: that renews the cookie, which the server does not do by itself. */
function renew() {
  if (!document.hidden && me.value?.needs_key && Date.now() - looked_ms >= RENEW_MS) load().catch(() => {});
}

setInterval(renew, RENEW_MS / 6);
document.addEventListener('visibilitychange', renew);
addEventListener('storage', (event) => {
  if (event.key?.endsWith('signed_out') && event.newValue) leave();
  if (event.key?.endsWith('signed_in') && event.newValue) load().catch(() => {}); // in another tab: the cookie may be another project's
});
