/**
 * The page's texts: `t('gallery.count', { n: 3 })`. A text stands beside its place, in both languages.
 *
 * `{name}` is replaced by the value; a number is written as the language writes numbers. `{n:# picture|# pictures}` takes
 * the form that the number wants, `#` being the number; Chinese has one form.
 */

import { computed, effect, signal } from '@preact/signals';

import { keep, kept } from './kept.js';

/** @typedef {'en' | 'zh'} Language */
/** @typedef {Record<string, readonly [en: string, zh: string]>} Texts */

/** @type {Texts} */
const known = {};

/** @type {import('@preact/signals').Signal<Language>} */
export const language = signal(first());

/** The language as the web writes it, for `lang`, `Intl` and `Accept-Language`. */
export const locale = computed(() => (language.value === 'zh' ? 'zh-CN' : 'en'));

effect(() => {
  document.documentElement.lang = locale.value;
});

/** @returns {Language} */
function first() {
  const chosen = kept('language');
  if (chosen === 'en' || chosen === 'zh') return chosen;
  return navigator.languages.find((each) => /^(zh|en)/.test(each))?.startsWith('zh') ? 'zh' : 'en';
}

/** @type {Map<string, any>} */
const made = new Map();

/**
 * Return what *make* makes for the present language, made once: an `Intl` format costs much more to make than to use.
 *
 * @template T
 * @param {string} name
 * @param {(locale: string) => T} make
 * @returns {T}
 */
export function format(name, make) {
  const key = `${locale.value} ${name}`;
  if (!made.has(key)) made.set(key, make(locale.value));
  return made.get(key);
}

/**
 * Choose the language, here and for the next visit.
 *
 * @param {Language} chosen
 */
export function choose(chosen) {
  language.value = chosen;
  keep('language', chosen);
}

/**
 * Make a place's texts known.
 *
 * @param {Texts} texts
 */
export function register(texts) {
  Object.assign(known, texts);
}

/**
 * Return a text in the reader's language. An unknown key is shown as it is.
 *
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = known[key]?.[language.value === 'zh' ? 1 : 0];
  if (text === undefined) {
    console.error(`no text: ${key}`);
    return key;
  }
  return text.replace(/\{(\w+)(?::([^}]*))?\}/g, (whole, name, forms) => {
    const value = values[name];
    if (value === undefined) return whole;
    const shown = typeof value === 'number' ? format('number', (locale) => new Intl.NumberFormat(locale)).format(value) : value;
    return forms === undefined ? shown : form(forms.split('|'), Number(value)).replaceAll('#', shown);
  });
}

/**
 * Tell whether there is such a text: for words of the server that may be newer than the page.
 *
 * @param {string} key
 */
export const has = (key) => key in known;

/**
 * @param {string[]} forms
 * @param {number} number
 */
function form(forms, number) {
  const one = format('plural', (locale) => new Intl.PluralRules(locale)).select(number) === 'one';
  return (one ? forms[0] : forms[forms.length - 1]) ?? '';
}
