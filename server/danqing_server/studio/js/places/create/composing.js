/**
 * Whether an input method composes a word, or did a moment ago: a key that ends a composition submits nothing.
 *
 * `isComposing` alone is not enough: WebKit ends the composition before it tells of the Enter that ended it.
 */

const AFTER_MS = 50;

let composing = false;
let ended_ms = -Infinity;

addEventListener('compositionstart', () => (composing = true), true);
addEventListener('compositionend', () => {
  composing = false;
  ended_ms = performance.now();
}, true);
addEventListener('blur', () => (composing = false));

/** @param {KeyboardEvent} event */
export const isComposition = (event) =>
  composing || event.isComposing || event.keyCode === 229 || performance.now() - ended_ms < AFTER_MS;
