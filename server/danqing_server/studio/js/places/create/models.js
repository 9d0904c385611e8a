/**
 * What can be asked for: providers, their models, and routes, in the reader’s language; a schema as the fields of a form.
 *
 * JSON Schema 2020-12 with `x-ui` (docs/plugins.md, "Parameters"). Nothing of a schema is lost: what has no `x-ui` stands
 * under its name, what has a shape unknown here is a field of JSON.
 */

import { computed, effect, signal, useSignal } from '@preact/signals';

import { api } from '../../api.js';
import { locale, t } from '../../i18n.js';
import { draft } from './drafts.js';

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
 * @property {FormField[]} fields
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
const usualKey = computed(() => {
  const all = catalogue.value;
  const provider = all?.providers.find((/** @type {any} */ each) => each.name === all.default) ?? all?.providers[0];
  return provider ? `${provider.name}/${provider.default_model}` : '';
});

/** @param {string} key */
export const find = (key) => choices.value.find((each) => each.key === key);

export const model = computed(() => find(draft.value.model) ?? find(usualKey.value) ?? choices.value[0]);
export const second = computed(() => (draft.value.second ? find(draft.value.second) : undefined));

/** The fields of the form: those of the model, then what the second one has beside them. */
export const fields = computed(() => {
  const own = model.value?.fields ?? [];
  const names = new Set(own.map((each) => each.name));
  return [...own, ...(second.value?.fields ?? []).filter((each) => !names.has(each.name))];
});

/**
 * @typedef {object} Hints the members of `x-ui`
 * @property {number} order
 * @property {'main' | 'more'} group
 * @property {string} widget
 * @property {string} [unit]
 * @property {Record<string, string>} [labels]
 * @property {Record<string, unknown[]>} [when]
 * @property {string} [advice]
 * @property {string[]} [tiers]
 * @property {string[]} [sizes]
 * @property {boolean} [free]
 * @property {[number, number]} [sides]
 * @property {[number, number]} [area]
 * @property {number} [step]
 * @property {number} [widest]
 * @property {string} [separator]
 * @property {Record<string, number>} [squares]
 * @property {number} [most]
 * @property {string[]} [formats]
 * @property {number} [most_bytes]
 */

/**
 * @typedef {object} FormField
 * @property {string} name
 * @property {string} title
 * @property {string} description
 * @property {boolean} required
 * @property {boolean} deprecated
 * @property {any} schema
 * @property {Hints} ui
 * @property {FormField[]} inner of an object with fields of its own
 */

/** @typedef {Record<string, any>} Values */

/** Which shapes each widget can show; a schema that asks for another shape gets JSON. @type {Record<string, (schema: any) => boolean>} */
const FITS = {
  prompt: isText,
  text: isText,
  size: (schema) => schema.type === 'string',
  references: (schema) => schema.type === 'string' || !!listOf(schema) || schema.type === 'array',
  switch: (schema) => schema.type === 'boolean',
  chips: (schema) => !!choicesOf(schema),
  select: (schema) => !!choicesOf(schema) && !schema.items,
  number: (schema) => !!numberOf(schema),
  seed: (schema) => !!numberOf(schema),
  group: (schema) => !!schema.properties,
  json: () => true,
};

/** @param {any} schema */
function isText(schema) {
  return schema.type === 'string' && !schema.enum;
}

/** @param {any} value @returns {any[]} as a list, what a plugin, or another model's field of the same name, has as something else */
export const several = (value) => (value === undefined ? [] : [value].flat());

/** @param {any} schema @returns {any} the schema of a list among its alternatives */
export const listOf = (schema) =>
  schema.type === 'array' ? schema : several(schema.anyOf ?? schema.oneOf).find((/** @type {any} */ each) => each?.type === 'array');

/** @param {any} schema @returns {any} the schema of a number among its alternatives */
export const numberOf = (schema) =>
  /^(integer|number)$/.test(schema.type) ? schema : several(schema.anyOf).find((/** @type {any} */ each) => /^(integer|number)$/.test(each?.type));

/** @param {any} schema @returns {(string | number)[] | undefined} what may be chosen, of a list: in any number */
export const choicesOf = (schema) =>
  [schema.enum, schema.items?.enum].filter(Boolean).map(several).find((each) => each.every((/** @type {any} */ one) => /^(string|number)$/.test(typeof one)));

/** @param {any} schema @returns {string} the widget of a schema that names none, or one that does not fit */
function usual(schema) {
  if (schema.properties) return 'group';
  const choices = choicesOf(schema);
  if (choices) return choices.length > 6 && !schema.items ? 'select' : 'chips';
  if (schema.type === 'boolean') return 'switch';
  if (numberOf(schema)) return 'number';
  return isText(schema) ? 'text' : 'json';
}

/**
 * Return the fields of *schema*, in the order of its form.
 *
 * @param {any} schema of an object; one that names no properties leaves open what it takes: words, then
 * @param {readonly string[] | null} [pictures] the names of those that hold pictures, where `x-ui` does not say it; null:
 *   inside another field, where the server takes none out
 * @returns {FormField[]}
 */
export function fieldsOf(schema, pictures = []) {
  const required = several(schema?.required);
  const fields = Object.entries(schema?.properties ?? { prompt: { type: 'string' } }).map(([name, part], place) => {
    const own = part && typeof part === 'object' ? /** @type {any} */ (part) : {};
    const ui = own['x-ui'] ?? {};
    const named = ui.widget ?? (name === 'prompt' ? 'prompt' : pictures?.includes(name) ? 'references' : '');
    const widget = (pictures || named !== 'references') && FITS[named]?.(own) ? named : usual(own);
    return {
      name,
      title: own.title || name.replaceAll('_', ' '),
      description: own.description ?? '',
      required: required.includes(name),
      deprecated: !!own.deprecated,
      schema: own,
      inner: widget === 'group' ? fieldsOf(own, null) : [],
      ui: { ...ui, widget, order: ui.order ?? 1000 + place, group: ui.group ?? (required.includes(name) || named === 'prompt' ? 'main' : 'more') },
    };
  });
  return fields.sort((one, other) => one.ui.order - other.ui.order);
}

/** @param {any} value whether a field is left to the service */
export const isAbsent = (value) => value === undefined || value === null || value === '' || (Array.isArray(value) && !value.length);

/**
 * Tell whether *field* has an effect beside *values*: by its `when`, where null stands for an absent one.
 *
 * @param {FormField} field
 * @param {Values} values
 */
export const hasEffect = (field, values) =>
  Object.entries(field.ui.when ?? {}).every(([name, allowed]) => several(allowed).includes(isAbsent(values[name]) ? null : values[name]));

/**
 * Return what is sent as `input`: of the fields that have an effect, those that are filled in.
 *
 * @param {FormField[]} fields
 * @param {Values} values
 * @returns {Record<string, unknown>}
 */
export function inputOf(fields, values) {
  /** @type {Record<string, unknown>} */
  const input = {};
  for (const field of fields) {
    const value = values[field.name];
    if (!hasEffect(field, values) || isAbsent(value)) continue;
    const sent = written(field, value);
    if (!isAbsent(sent)) input[field.name] = sent;
  }
  return input;
}

/**
 * @param {FormField} field
 * @param {any} value
 */
function written(field, value) {
  if (field.ui.widget === 'group') {
    const inner = inputOf(field.inner, value);
    return Object.keys(inner).length ? inner : null;
  }
  if (field.ui.widget !== 'references') return value;
  const uris = several(value).map((/** @type {{ uri?: string }} */ each) => each.uri).filter(Boolean);
  return listOf(field.schema) ? uris : uris[0];
}

/**
 * @typedef {object} WidgetProps
 * @property {FormField} field
 * @property {any} value undefined: left to the service
 * @property {(value: any) => void} set
 * @property {string | null} error
 * @property {string} id of the control
 * @property {boolean} sandbox
 * @property {Record<string, string>} problems of the whole form, by path
 */

/** @param {WidgetProps} props @returns {{ id: string, error: string | null, label: string, help?: string, aside?: string }} */
export const frameOf = ({ field, id, error }) => ({
  id,
  error,
  label: field.title,
  help: [field.description, field.ui.advice].filter(Boolean).join(' · ') || undefined,
  aside: field.deprecated ? t('create.deprecated') : undefined,
});

/** @param {FormField} field what the service does by itself, in words */
export const usualOf = (field) =>
  field.schema.default === undefined ? t('create.left') : (field.ui.labels?.[String(field.schema.default)] ?? String(field.schema.default));

/** @param {string} text @returns {number | string | undefined} what is no number stays as it was written, for the server to refuse */
export function numberIn(text) {
  const found = text.trim();
  if (!found) return undefined;
  return Number.isFinite(Number(found)) ? Number(found) : found;
}

/**
 * Return the props of a control for a number. What is typed stands there as it was typed as long as it is what is sent:
 * on the way to 0.5 stands `0.`, which is 0.
 *
 * @param {WidgetProps} props
 */
export function useNumber({ value, set }) {
  const typed = useSignal('');
  return {
    value: numberIn(typed.value) === value ? typed.value : String(value ?? ''),
    onInput: (/** @type {{ currentTarget: { value: string } }} */ event) => {
      typed.value = event.currentTarget.value;
      set(numberIn(typed.value));
    },
  };
}
