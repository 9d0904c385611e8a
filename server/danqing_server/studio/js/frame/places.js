/** Loading places when they are gone to, with their style and their texts. */

import { signal } from '@preact/signals';

import { register } from '../i18n.js';
import { lookForNewer } from './banners.js';

/** @typedef {{ default: (props: any) => import('preact').ComponentChildren, texts?: import('../i18n.js').Texts }} Loaded */

const BASE = new URL('../../', import.meta.url).pathname;

/** @type {import('@preact/signals').Signal<Record<string, Loaded | Error>>} */
export const loaded = signal({});

/** @type {Map<string, Promise<void>>} */
const underWay = new Map();

/**
 * Load the module `js/<name>/index.js`, its style `css/<name>.css` and its texts.
 *
 * @param {string} name as `places/queue` or `sheet`
 */
export function need(name) {
  if (loaded.value[name] && !(loaded.value[name] instanceof Error)) return;
  if (!underWay.has(name)) underWay.set(name, loading(name));
}

/** @param {string} name */
async function loading(name) {
  /** @type {Loaded | Error} */
  let found;
  try {
    const [module] = await Promise.all([import(`${BASE}js/${name}/index.js`), styled(`${BASE}css/${name}.css`)]);
    register(module.texts ?? {});
    found = module;
  } catch (error) {
    console.warn(error);
    found = error instanceof Error ? error : new Error(String(error));
    underWay.delete(name);
    void lookForNewer();
  }
  loaded.value = { ...loaded.value, [name]: found };
}

/** @param {string} url */
function styled(url) {
  return new Promise((resolve, reject) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = url;
    link.onload = () => resolve(undefined);
    link.onerror = () => reject(new Error(`no style: ${url}`));
    document.head.append(link);
  });
}
