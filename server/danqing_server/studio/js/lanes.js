/** The lanes, and whether one keeps tasks waiting. */

import { computed, effect, signal } from '@preact/signals';

import { onLane } from './live.js';
import { may } from './session.js';

/**
 * @typedef {object} Lane
 * @property {string} name
 * @property {'open' | 'closed' | 'half_open' | 'held' | 'paused'} state
 * @property {string | null} since
 * @property {string | null} opens_at
 * @property {string | null} reason
 * @property {{ by: string | null, since: string, reason: string, until: string | null } | null} pause
 * @property {number} revision
 * @property {number} queued
 * @property {number} delayed
 * @property {number} held
 * @property {number | null} finished_per_s
 * @property {number | null} mean_duration_s
 * @property {string | null} oldest_at
 * @property {{ finished: number[], failed: number[] } | null} last_hour null: it is no business of theirs
 * @property {string[]} model_ids
 */

const MOMENT_MS = 10_000;

/** @type {import('@preact/signals').Signal<Lane[] | null>} null: not known yet */
export const lanes = signal(null);

/** Whether new tasks of *lane* wait for something other than their turn; not what a service wants for a moment. @param {Lane} lane */
export const isShut = (lane) =>
  lane.state !== 'open' && !(lane.state === 'held' && !!lane.opens_at && new Date(lane.opens_at).getTime() - Date.now() < MOMENT_MS);

/** Those that are shut. */
export const shut = computed(() => (lanes.value ?? []).filter(isShut));

/** @param {string} name */
export const laneOf = (name) => lanes.value?.find((each) => each.name === name);

effect(() => {
  if (may('read')) return onLane((found) => (lanes.value = found));
});
