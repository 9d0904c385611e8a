/** Reference pictures on their way to the server, and those that are there. */

import { signal } from '@preact/signals';

import { api, newKey } from '../../api.js';
import { t } from '../../i18n.js';
import { announce } from '../../ui/announce.js';
import { messageOf } from '../../ui/problem.js';
import { draft, setValue } from './drafts.js';
import { listOf } from './schema.js';

/** @typedef {import('./drafts.js').Picture} Picture */
/** @typedef {{ part: number, error: string | null, preview: string, file: Blob, stop: AbortController }} Upload */

/** Those that are not there yet, by the id of their picture. @type {import('@preact/signals').Signal<Record<string, Upload>>} */
export const underWay = signal({});

/** What was refused of a field, in words, by its name. @type {import('@preact/signals').Signal<Record<string, string>>} */
export const refused = signal({});

/** @param {string} name @returns {Picture[]} */
export const picturesOf = (name) => (Array.isArray(draft.value.values[name]) ? draft.value.values[name] : []);

/** @param {import('./schema.js').FormField} field how many it takes */
export const mostOf = (field) => field.ui.most ?? (listOf(field.schema) ? (listOf(field.schema).maxItems ?? 99) : 1);

/**
 * Add *found* to *field*, as far as there is room; returns those that were added.
 *
 * @template {Picture} Found
 * @param {import('./schema.js').FormField} field
 * @param {Found[]} found
 */
export function add(field, found) {
  const now = picturesOf(field.name);
  const most = mostOf(field);
  const room = most === 1 ? 1 : Math.max(0, most - now.length);
  const added = found.slice(0, room);
  const left = found.length - added.length;
  refused.value = { ...refused.value, [field.name]: left ? t('create.too_many', { n: most }) : '' };
  if (left) announce(t('create.too_many', { n: most }));
  if (added.length) setValue(field.name, most === 1 ? added : [...now, ...added]);
  return added;
}

/**
 * Send *files* ahead, as references of *field*.
 *
 * @param {import('./schema.js').FormField} field
 * @param {Iterable<File>} files
 */
export function addFiles(field, files) {
  const made = [...files].filter((each) => each.type.startsWith('image/') || /\.(hei[cf]|avif|bmp|tiff?)$/i.test(each.name))
    .map((file) => ({ id: newKey(), name: file.name || t('create.pasted'), file }));
  const kept = new Set(add(field, made.map(({ id, name }) => ({ id, name }))).map((each) => each.id));
  for (const { id, file } of made) if (kept.has(id)) void send(field.name, id, file);
}

/**
 * @param {string} name of the field
 * @param {string} id
 * @param {Blob} file
 */
export async function send(name, id, file) {
  const stop = new AbortController();
  const preview = underWay.value[id]?.preview ?? URL.createObjectURL(file);
  const note = (/** @type {Partial<Upload>} */ changes) => {
    underWay.value = { ...underWay.value, [id]: { ...underWay.value[id], part: 0, error: null, preview, file, stop, ...changes } };
  };
  note({});
  try {
    const found = await api.upload('/uploads', file, (part) => note({ part }), stop.signal);
    setValue(name, picturesOf(name).map((each) => (each.id === id ? { ...each, uri: found.uri, path: found.path } : each)));
    forget(id);
  } catch (error) {
    if (!stop.signal.aborted) note({ error: messageOf(error) });
  }
}

/** @param {string} id */
function forget(id) {
  const { [id]: gone, ...rest } = underWay.value;
  if (gone) URL.revokeObjectURL(gone.preview);
  underWay.value = rest;
}

/** @param {string} name @param {string} id */
export function remove(name, id) {
  underWay.value[id]?.stop.abort();
  forget(id);
  setValue(name, picturesOf(name).filter((each) => each.id !== id));
  refused.value = { ...refused.value, [name]: '' };
}

/**
 * Put a picture *by* places further on.
 *
 * @param {string} name
 * @param {string} id
 * @param {number} by
 */
export function move(name, id, by) {
  const all = [...picturesOf(name)];
  const from = all.findIndex((each) => each.id === id);
  const to = Math.max(0, Math.min(all.length - 1, from + by));
  if (from < 0 || from === to) return;
  all.splice(to, 0, ...all.splice(from, 1));
  setValue(name, all);
  announce(t('create.moved', { place: to + 1, count: all.length }));
}
