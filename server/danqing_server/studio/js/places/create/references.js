/** Reference pictures: chosen, dropped, pasted, on their way to the server; their order, and what is too many. */

import { signal, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';

import { api, newKey } from '../../api.js';
import { button, div, h, img, input, later, li, p, progress, span, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { announce } from '../../ui/announce.js';
import { Button } from '../../ui/button.js';
import { Field } from '../../ui/field.js';
import { icon } from '../../ui/icon.js';
import { messageOf } from '../../ui/states.js';
import { pathOf, thumbOf } from '../../ui/thumb.js';
import { draft, setValue } from './drafts.js';
import { fields, frameOf, hasEffect, listOf } from './models.js';

/** @typedef {import('./drafts.js').Picture} Picture */
/** @typedef {{ part: number, error: string | null, preview: string, file: Blob, stop: AbortController }} Upload */

/** Those that are not there yet, by the id of their picture. @type {import('@preact/signals').Signal<Record<string, Upload>>} */
export const underWay = signal({});

/** What was refused of a field, in words, by its name. @type {import('@preact/signals').Signal<Record<string, string>>} */
export const refused = signal({});

/** @param {string} name @returns {Picture[]} */
export const picturesOf = (name) => (Array.isArray(draft.value.values[name]) ? draft.value.values[name] : []);

/** Whether a picture is on its way. @param {Picture} picture */
export const isComing = ({ id, uri }) => !uri && underWay.value[id]?.error === null;

/** Whether a picture is neither there nor on its way. @param {Picture} picture */
export const isLacking = ({ id, uri }) => !uri && underWay.value[id]?.error !== null;

/** @returns {import('./models.js').FormField | undefined} where pictures go that name no field */
export const pictureField = () => fields.value.find((each) => each.ui.widget === 'references' && hasEffect(each, draft.value.values));

/** @param {import('./models.js').FormField} field how many it takes */
export const mostOf = (field) => field.ui.most ?? (listOf(field.schema) ? (listOf(field.schema).maxItems ?? 99) : 1);

/**
 * Add *found* to *field*, as far as there is room; returns those that were added.
 *
 * @template {Picture} Found
 * @param {import('./models.js').FormField} field
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

/** Whether it is a picture, by its name where the browser does not know its kind. @param {File} file */
const isPicture = ({ type, name }) => type.startsWith('image/') || /\.(hei[cf]|avif|bmp|tiff?)$/i.test(name);

/**
 * Send *files* ahead, as references of *field*; what is no picture is left out, and named.
 *
 * @param {import('./models.js').FormField} field
 * @param {Iterable<File>} files
 */
export function addFiles(field, files) {
  const made = [...files].filter(isPicture).map((file) => ({ id: newKey(), name: file.name || t('create.pasted'), file }));
  const kept = new Set(add(field, made.map(({ id, name }) => ({ id, name }))).map((each) => each.id));
  const other = [...files].find((each) => !isPicture(each));
  if (other && !refused.value[field.name]) {
    refused.value = { ...refused.value, [field.name]: t('create.no_picture', { name: other.name }) };
    announce(t('create.no_picture', { name: other.name }));
  }
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

const Picker = later(() => import('./picker.js'));
const DRAGGED = 'application/x-danqing-reference';

/** @param {import('./models.js').WidgetProps} props */
export function ReferencesField(props) {
  const { field, id, error } = props;
  const picking = useSignal(false);
  const over = useSignal(false);
  const files = useRef(/** @type {HTMLInputElement | null} */ (null));
  const camera = useRef(/** @type {HTMLInputElement | null} */ (null));
  const all = picturesOf(field.name);
  const most = mostOf(field);
  const frame = { ...frameOf(props), error: error || refused.value[field.name] || null, help: field.ui.advice, aside: t('create.of', { count: all.length, most }) };
  /** @param {Event & { currentTarget: HTMLInputElement }} event */
  const chosen = (event) => {
    addFiles(field, event.currentTarget.files ?? []);
    event.currentTarget.value = '';
  };
  return h(
    Field,
    frame,
    div(
      {
        class: over.value ? 'references references-over' : 'references',
        'data-field': field.name,
        onDragOver: (event) => {
          over.value = true;
          event.preventDefault();
        },
        onDragLeave: () => (over.value = false),
        onDrop: () => (over.value = false),
      },
      all.length > 0 && ul({ class: 'reference-list' }, all.map((each, place) => h(Reference, { key: each.id, field, picture: each, place, count: all.length }))),
      (all.length < most || most === 1) &&
        div(
          { class: 'reference-ways' },
          input({ id, ref: files, class: 'unseen', type: 'file', accept: 'image/*,.heic,.heif', multiple: most > 1, tabIndex: -1, onChange: chosen }),
          input({ id: `${id}-camera`, ref: camera, class: 'unseen', type: 'file', accept: 'image/*', capture: 'environment', tabIndex: -1, 'aria-hidden': true, onChange: chosen }),
          h(Button, { text: t('create.add_picture'), icon: 'plus', onClick: () => files.current?.click() }),
          h(Button, { text: t('create.camera'), icon: 'image', class: 'camera', onClick: () => camera.current?.click() }),
          h(Button, { text: t('create.from_gallery'), icon: 'gallery', onClick: () => (picking.value = true) }),
          !all.length && span({ class: 'field-help reference-hint' }, t('create.drop_hint')),
        ),
      picking.value &&
        h(Picker, {
          onClose: () => (picking.value = false),
          onPick: (found) => {
            picking.value = false;
            add(field, [found]);
          },
        }),
    ),
  );
}

/** @param {{ field: import('./models.js').FormField, picture: import('./drafts.js').Picture, place: number, count: number }} props */
function Reference({ field, picture, place, count }) {
  const { id, name, path } = picture;
  const upload = underWay.value[id];
  const shown = path ? (pathOf(path).startsWith('/') ? thumbOf(path, 96) : '') : upload?.preview;
  const said = t('create.reference', { place: place + 1 });
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (by && (event.altKey || event.shiftKey)) move(field.name, id, by);
    else if (event.key === 'Delete' || event.key === 'Backspace') remove(field.name, id);
    else return;
    event.preventDefault();
  };
  return li(
    {
      class: upload?.error ? 'reference reference-wrong' : 'reference',
      draggable: true,
      title: name,
      onKeyDown,
      onDragStart: (event) => event.dataTransfer?.setData(DRAGGED, id),
      onDrop: (event) => {
        const moved = event.dataTransfer?.getData(DRAGGED);
        if (!moved) return;
        event.preventDefault();
        event.stopPropagation();
        move(field.name, moved, place - picturesOf(field.name).findIndex((each) => each.id === moved));
      },
    },
    shown ? img({ src: shown, alt: said, width: 72, height: 72, draggable: false }) : span({ class: 'reference-name' }, name),
    span({ class: 'reference-place', 'aria-hidden': 'true' }, place + 1),
    upload && !upload.error && progress({ max: 1, value: upload.part, 'aria-label': t('create.uploading', { name }) }),
    upload?.error && p({ class: 'field-error' }, upload.error, button({ type: 'button', class: 'link', onClick: () => void send(field.name, id, upload.file) }, t('app.retry'))),
    div(
      { class: 'reference-tools' },
      count > 1 && small('arrow_left', t('create.earlier', { name: said }), () => move(field.name, id, -1), place === 0),
      count > 1 && small('arrow_right', t('create.later', { name: said }), () => move(field.name, id, 1), place === count - 1),
      small('close', t('create.remove', { name: said }), () => remove(field.name, id), false),
    ),
  );
}

/**
 * @param {import('../../ui/icon.js').IconName} name
 * @param {string} text
 * @param {() => void} onClick
 * @param {boolean} disabled
 */
const small = (name, text, onClick, disabled) =>
  button({ type: 'button', class: 'reference-tool', 'aria-label': text, title: text, 'aria-disabled': disabled || undefined, onClick: disabled ? undefined : onClick }, icon(name));
