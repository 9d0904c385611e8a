/** What can be asked for: providers, their models, and routes, in the reader's language. */

import { computed, effect, signal } from '@preact/signals';

import { api } from '../../api.js';
import { locale } from '../../i18n.js';
import { draft } from './drafts.js';
import { fieldsOf } from './schema.js';

/**
 * @typedef {object} Choice
 * @property {string} key `provider/model`; of a route its name alone
 * @property {string} title
 * @property {string} group the provider's title
 * @property {string} type
 * @property {string} kind
 * @property {string | null} provider null: a route
 * @property {string} model
 * @property {boolean} sandbox
 * @property {import('./schema.js').FormField[]} fields
 */

/** @type {import('@preact/signals').Signal<any>} */
export const catalogue = signal(null);
/** @type {import('@preact/signals').Signal<unknown>} */
export const trouble = signal(null);

/** Ask again what there is. */
export async function load() {
  const asked = locale.value;
  try {
    const found = await api.get('/providers/');
    if (asked === locale.peek()) catalogue.value = found;
    trouble.value = null;
  } catch (error) {
    trouble.value = error;
  }
}

effect(() => void load());

/** @type {import('@preact/signals').ReadonlySignal<Choice[]>} */
export const choices = computed(() => {
  const all = catalogue.value;
  if (!all) return [];
  /** @type {Choice[]} */
  const found = [];
  for (const provider of all.providers) for (const model of provider.models) found.push(choiceOf(provider, model));
  for (const route of all.routes) {
    const target = route.targets.find((/** @type {any} */ each) => each.present);
    const same = target && found.find((each) => each.provider === target.provider && each.model === target.model);
    if (same) found.unshift({ ...same, key: route.model, title: route.model, group: '', provider: null, model: route.model, type: route.types[0] ?? same.type });
  }
  return found;
});

/**
 * @param {any} provider
 * @param {any} model
 * @returns {Choice}
 */
const choiceOf = (provider, model) => ({
  key: `${provider.name}/${model.id}`,
  title: model.title,
  group: provider.title,
  type: model.types[0],
  kind: model.kind,
  provider: provider.name,
  model: model.id,
  sandbox: provider.sandbox,
  fields: fieldsOf(model.parameters, provider.reference_fields),
});

/** The key of what is taken when nothing was chosen. */
const usual = computed(() => {
  const all = catalogue.value;
  const provider = all?.providers.find((/** @type {any} */ each) => each.name === all.default) ?? all?.providers[0];
  return provider ? `${provider.name}/${provider.default_model}` : '';
});

/** @param {string} key */
export const find = (key) => choices.value.find((each) => each.key === key);

export const model = computed(() => find(draft.value.model) ?? find(usual.value) ?? choices.value[0]);
export const second = computed(() => (draft.value.second ? find(draft.value.second) : undefined));

/** The fields of the form: those of the model, then what the second one has beside them. */
export const fields = computed(() => {
  const own = model.value?.fields ?? [];
  const names = new Set(own.map((each) => each.name));
  return [...own, ...(second.value?.fields ?? []).filter((each) => !names.has(each.name))];
});
