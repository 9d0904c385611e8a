/** Reference pictures: dropped, pasted, picked, taken with the camera; their order is what the model sees. */

import { useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';

import { button, div, h, img, input, li, p, progress, span, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { Button } from '../../ui/button.js';
import { Field } from '../../ui/field.js';
import { icon } from '../../ui/icon.js';
import { pathOf, thumbOf } from '../../ui/thumb.js';
import { frameOf, later } from './around.js';
import { add, addFiles, mostOf, move, picturesOf, refused, remove, send, underWay } from './uploads.js';

const Picker = later(() => import('./picker.js'));
const DRAGGED = 'application/x-danqing-reference';

/** @param {import('./around.js').WidgetProps} props */
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

/** @param {{ field: import('./schema.js').FormField, picture: import('./drafts.js').Picture, place: number, count: number }} props */
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
