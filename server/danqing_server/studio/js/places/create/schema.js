/**
 * A model's schema as the fields of a form: JSON Schema 2020-12 with `x-ui` (docs/plugins.md, "Parameters").
 *
 * Nothing of a schema is lost: what has no `x-ui` stands under its name, what has a shape unknown here is a field of
 * JSON.
 */

import { t } from '../../i18n.js';

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

/** @param {any} schema @returns {any} the schema of a list among its alternatives */
export const listOf = (schema) =>
  schema.type === 'array' ? schema : (schema.anyOf ?? schema.oneOf ?? []).find((/** @type {any} */ each) => each.type === 'array');

/** @param {any} schema @returns {any} the schema of a number among its alternatives */
export const numberOf = (schema) =>
  /^(integer|number)$/.test(schema.type) ? schema : (schema.anyOf ?? []).find((/** @type {any} */ each) => /^(integer|number)$/.test(each.type));

/** @param {any} schema @returns {(string | number)[] | undefined} what may be chosen, of a list: in any number */
export const choicesOf = (schema) =>
  [schema.enum, schema.items?.enum].find((each) => each?.every((/** @type {any} */ one) => /^(string|number)$/.test(typeof one)));

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
 * @param {any} schema of an object
 * @param {readonly string[]} [pictures] the names of those that hold pictures, where `x-ui` does not say it
 * @returns {FormField[]}
 */
export function fieldsOf(schema, pictures = []) {
  const required = new Set(schema?.required ?? []);
  const fields = Object.entries(schema?.properties ?? {}).map(([name, part], place) => {
    const own = part && typeof part === 'object' ? /** @type {any} */ (part) : {};
    const ui = own['x-ui'] ?? {};
    const named = ui.widget ?? (name === 'prompt' ? 'prompt' : pictures.includes(name) ? 'references' : '');
    const widget = FITS[named]?.(own) ? named : usual(own);
    return {
      name,
      title: own.title || name.replaceAll('_', ' '),
      description: own.description ?? '',
      required: required.has(name),
      deprecated: !!own.deprecated,
      schema: own,
      inner: widget === 'group' ? fieldsOf(own) : [],
      ui: { ...ui, widget, order: ui.order ?? 1000 + place, group: ui.group ?? (required.has(name) || named === 'prompt' ? 'main' : 'more') },
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
  Object.entries(field.ui.when ?? {}).every(([name, allowed]) => allowed.includes(isAbsent(values[name]) ? null : values[name]));

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
  const uris = value.map((/** @type {{ uri?: string }} */ each) => each.uri).filter(Boolean);
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

/**
 * @param {WidgetProps} props
 * @returns {{ id: string, error: string | null, label: string, help?: string, aside?: string }}
 */
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
