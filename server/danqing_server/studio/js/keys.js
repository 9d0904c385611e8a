/** The keyboard: what a key does here, off while somebody types. */

import { signal } from '@preact/signals';

import { kept } from './kept.js';

/** @typedef {[action: (event: KeyboardEvent) => void, textKey: string]} Binding */

/** @type {import('@preact/signals').Signal<Map<string, Record<string, Binding>>>} */
export const bindings = signal(new Map());

/** Whether the list of keys is shown. */
export const helping = signal(false);

/** Whether single letters and signs are keys: who speaks to the browser presses them without meaning to. */
export const letters = signal(kept('letters') !== 'off');

let leader = '';

/**
 * Bind keys for as long as *place* is there; returns what unbinds them. A key is named as `KeyboardEvent.key` has it,
 * with `Shift+` or `Mod+` (Ctrl, or ⌘) before it; `g c` is two, one after the other. Later places come first. Under a
 * modal dialog with `data-keys` nothing works but what is bound for the place that this names.
 *
 * @param {string} place
 * @param {Record<string, Binding>} keys
 */
export function bind(place, keys) {
  const next = new Map(bindings.value);
  next.delete(place);
  bindings.value = next.set(place, keys);
  return () => {
    if (bindings.value.get(place) !== keys) return;
    const left = new Map(bindings.value);
    left.delete(place);
    bindings.value = left;
  };
}

const AFTER_MS = 50;

let composing = false;
let ended_ms = -Infinity;

addEventListener('compositionstart', () => (composing = true), true);
addEventListener('compositionend', () => {
  composing = false;
  ended_ms = performance.now();
}, true);
addEventListener('blur', () => (composing = false));

/** Whether an input method composes a word: what stands there so far is not meant yet. */
export const isComposing = () => composing;

/**
 * Whether a key belongs to an input method that composes, or did a moment ago: one that ends a composition submits
 * nothing. `isComposing` alone is not enough: WebKit ends the composition before it tells of the Enter that ended it.
 *
 * @param {KeyboardEvent} event
 */
export const isComposition = (event) =>
  composing || event.isComposing || event.keyCode === 229 || performance.now() - ended_ms < AFTER_MS;

/** @param {KeyboardEvent} event */
function nameOf(event) {
  const mod = event.ctrlKey || event.metaKey ? 'Mod+' : '';
  const shift = event.shiftKey && event.key.length > 1 ? 'Shift+' : '';
  return mod + shift + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
}

/** @param {EventTarget | null} target */
export const isTyping = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !isToggle(target));

/** @param {HTMLElement} target */
const isToggle = (target) => target instanceof HTMLInputElement && /^(checkbox|radio|button|submit|range)$/.test(target.type);

/** What a control does by itself with a key, here leads elsewhere: a film is sought, a choice made, a menu shut. @type {[string, RegExp][]} */
const OWN = [
  ['a, button, summary', /^(Enter| )$/],
  ['video, audio', /^( |Enter|Home|End|Arrow)/],
  ['[type=checkbox]', /^ $/],
  ['[type=radio]', /^( |Arrow)/],
  ['[popover]', /./],
];

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.altKey || event.isComposing || event.keyCode === 229) return;
  const name = nameOf(event);
  const { target } = event;
  if (target instanceof Element && OWN.some(([control, keys]) => keys.test(name) && target.closest(control))) return;
  if (isTyping(target) && !name.startsWith('Mod+Enter')) return;
  if (!letters.value && /^\S$/.test(name)) return;
  const over = [...document.querySelectorAll('dialog:modal')].at(-1)?.getAttribute('data-keys') ?? null;
  const after = over === null && leader && `${leader} ${name}`;
  leader = '';
  const found = over === null ? (after && find(after)) || find(name) : bindings.value.get(over)?.[name];
  if (found) {
    event.preventDefault();
    found[0](event);
  } else if (over === null && begins(name)) {
    leader = name;
  }
});

/**
 * @param {string} name
 * @returns {Binding | undefined}
 */
const find = (name) => [...bindings.value.values()].reverse().find((keys) => keys[name])?.[name];

/** @param {string} name */
const begins = (name) => [...bindings.value.values()].some((keys) => Object.keys(keys).some((key) => key.startsWith(`${name} `)));
