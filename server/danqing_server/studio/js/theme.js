/** Light, dark, or as the system has it. */

import { effect, signal } from '@preact/signals';

import { keep, kept } from './kept.js';

export const THEMES = /** @type {const} */ (['system', 'light', 'dark']);

/** @typedef {typeof THEMES[number]} Theme */

/** @type {import('@preact/signals').Signal<Theme>} */
export const theme = signal(THEMES.find((each) => each === kept('theme')) ?? 'system');

effect(() => {
  const chosen = theme.value;
  document.documentElement.dataset.theme = chosen;
  keep('theme', chosen === 'system' ? null : chosen);
});
