/** Who uses the page, and what they may see. */

import { computed, signal } from '@preact/signals';

import { ApiError, api, entrance } from './api.js';
import { kept } from './kept.js';

/**
 * @typedef {object} Me
 * @property {string | null} name the person's, as chosen at sign-in
 * @property {string | null} project
 * @property {string[]} scopes
 * @property {boolean} operator may hold lanes, and see all projects' rows
 * @property {boolean} viewer sees costs alone
 * @property {boolean} sandbox whether any provider is simulated
 * @property {string | null} zone the server's reporting time zone
 */

/** @type {import('@preact/signals').Signal<Me | null>} */
export const me = signal(null);

/** Whether the sign-in dialog is open. */
export const signingIn = signal(false);

const chosenZone = signal(kept('zone'));

/** The time zone that dates are shown in: chosen here, else the server's, else the browser's. */
export const zone = computed(
  () => chosenZone.value || me.value?.zone || Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
);

/** @param {string | null} name */
export const chooseZone = (name) => {
  chosenZone.value = name;
};

/** @type {((value: void) => void)[]} */
let waiting = [];

entrance.open = () => {
  signingIn.value = true;
  return new Promise((resolve) => waiting.push(resolve));
};

/** Go on with what waited for the sign-in. */
export async function signedIn() {
  await load();
  signingIn.value = false;
  const resumed = waiting;
  waiting = [];
  for (const resume of resumed) resume();
}

/** @type {Me} */
const ANYBODY = { name: null, project: null, scopes: [], operator: true, viewer: false, sandbox: false, zone: null };

/** Ask the server who we are; throws ApiError when it does not answer. */
export async function load() {
  try {
    me.value = await api.get('/studio/session', {}, { signIn: false });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) {
      signingIn.value = true;
      return;
    }
    if (error.status !== 404) throw error;
    const health = await api.get('/health');
    me.value = { ...ANYBODY, sandbox: health.sandbox };
  }
}
