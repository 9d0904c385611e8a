/** Which of this browser's tabs have a stream of events: three at most, the others ask again and again. */

import { keep, kept } from './kept.js';
import { newKey } from './api.js';

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
