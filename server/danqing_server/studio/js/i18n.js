/**
 * The page's texts: `t('gallery.count', { n: 3 })`. A text stands beside its place, in both languages; the server sends
 * them together, in one.
 *
 * `{name}` is replaced by the value; a number is written as the language writes numbers. `{n:# picture|# pictures}` takes
 * the form that the number wants, `#` being the number; Chinese has one form.
 */

import { computed, effect, signal } from '@preact/signals';

/** @typedef {'en' | 'zh'} Language */
/** @typedef {Record<string, readonly [en: string, zh: string]>} Texts */

/** @type {Record<string, string>} */
const known = {};

/** Whose texts are known: folders of `js/`. @type {Set<string>} */
const folders = new Set();

/** The server sends the page in the language that was chosen here, else in the browser's. */
export const language = signal(/** @type {Language} */ (document.documentElement.lang));

/** The last that was chosen, whose texts may be on their way. */
let wanted = language.value;

/** The language as the web writes it, for `lang`, `Intl` and `Accept-Language`. */
export const locale = computed(() => (language.value === 'zh' ? 'zh-CN' : 'en'));

effect(() => {
  document.documentElement.lang = locale.value;
});

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
 * Choose the language, here and for the next visit. Throws when its texts cannot be had: the present one stays.
 *
 * @param {Language} chosen
 */
export async function choose(chosen) {
  wanted = chosen;
  document.cookie = `danqing_language=${chosen}; path=/studio; max-age=31536000; samesite=lax`;
  try {
    await read();
  } catch (error) {
    wanted = language.value;
    throw error;
  }
  if (wanted === chosen) language.value = chosen;
}

/**
 * Make texts known that are not sent with all others.
 *
 * @param {string} folder as `places/settings/`
 */
export function learn(folder) {
  folders.add(folder);
  return read();
}

async function read() {
  const asked = wanted;
  const found = await Promise.all([...folders].map((each) => import(`./${each}texts.${asked}.js`)));
  if (wanted === asked) for (const each of found) Object.assign(known, each.default);
}

await learn('');

/**
 * Return a text in the reader's language. An unknown key is shown as it is.
 *
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = language.value && known[key]; // whoever shows it is drawn anew in another language
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
