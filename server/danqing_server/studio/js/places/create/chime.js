/** A sound when something is done, for who asked for one: two soft notes, made here. */

import { signal } from '@preact/signals';

import { keep, kept } from '../../kept.js';

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
