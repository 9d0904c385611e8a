/** A moment, as people say it; the exact one is its title. */

import { computed, signal } from '@preact/signals';

import { time } from '../dom.js';
import { clockSeconds, dateTime, day, dayOf, exactTime, relative } from '../format.js';

/** The time in milliseconds, moved on every ten seconds while the page is seen. */
export const now = signal(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 10_000);

/** The day that it is. */
export const today = computed(() => dayOf(now.value));

/** @param {{ at: string }} props */
export const Ago = ({ at }) => time({ dateTime: at, title: exactTime(at) }, relative(at, now.value));

/** @param {{ at: string }} props */
export const Moment = ({ at }) => time({ dateTime: at, title: exactTime(at) }, dateTime(at));

/** A moment in a list: today by its clock, else with its day. @param {{ at: string }} props */
export const When = ({ at }) =>
  time({ dateTime: at, title: exactTime(at) }, day(at) === day(new Date(now.value).toISOString()) ? clockSeconds(at) : dateTime(at));
