/** Dialogs: the browser's own, which keep the focus and give it back. */

import { useLayoutEffect, useRef } from 'preact/hooks';

import { dialog, div, h, h2, p } from '../dom.js';
import { t } from '../i18n.js';
import { useSignal } from '@preact/signals';
import { leave, standIn } from './announce.js';
import { Button } from './button.js';
import { TextField } from './field.js';

/**
 * @typedef {object} DialogProps
 * @property {string} title
 * @property {() => void} onClose by Esc, the cross, or a click beside it
 * @property {'middle' | 'side'} [shape]
 * @property {boolean} [insistent] it has no cross and Esc does not close it
 * @property {import('preact').ComponentChildren} [actions]
 * @property {import('preact').ComponentChildren} [children]
 * @property {string} [class]
 * @property {string} [keys] whose keys work in it; without it no letters do
 */

/** Return the ref of a dialog that is modal as long as it is rendered, and before it is seen: Esc would close what lies under it. */
export function useModal() {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const shown = /** @type {HTMLDialogElement} */ (box.current);
    const show = () => {
      shown.showModal();
      standIn(shown);
    };
    const stay = () => void (shown.isConnected && !shown.open && show()); // a second Esc closes it, whatever one says
    show();
    shown.querySelector('input')?.focus();
    shown.addEventListener('close', stay);
    return () => {
      shown.removeEventListener('close', stay);
      leave(shown);
      shown.close();
    };
  }, []);
  return box;
}

/** A modal dialog that is open as long as it is rendered. @param {DialogProps} props */
export function Dialog({ title, onClose, shape = 'middle', insistent = false, actions, children, class: name, keys = '' }) {
  const box = useModal();
  return dialog(
    {
      ref: box,
      class: `dialog dialog-${shape}${name ? ` ${name}` : ''}`,
      'aria-label': title,
      'data-keys': keys,
      onCancel: (event) => {
        if (event.target !== box.current) return;
        event.preventDefault();
        if (!insistent) onClose();
      },
      onMouseDown: (event) => {
        if (event.target === box.current && !insistent) onClose();
      },
    },
    div(
      { class: 'dialog-box' },
      div({ class: 'dialog-head' }, h2(null, title), !insistent && h(Button, { text: t('ui.close'), icon: 'close', bare: true, kind: 'plain', onClick: onClose })),
      div({ class: 'dialog-body', tabIndex: actions || insistent ? undefined : 0 }, children),
      actions && div({ class: 'dialog-foot' }, actions),
    ),
  );
}

/**
 * Ask before something is done. *word*: it has to be typed first; *ready*: false while it cannot be done.
 *
 * @param {{ title: string, text: import('preact').ComponentChildren, action: string, danger?: boolean, busy?: boolean, ready?: boolean,
 *   word?: string, onDo: () => void, onClose: () => void, children?: import('preact').ComponentChildren }} props
 */
export function Confirm({ title, text, action, danger, busy, ready = true, word, onDo, onClose, children }) {
  const typed = useSignal('');
  const may = ready && (!word || typed.value.trim() === word);
  return h(
    Dialog,
    {
      title,
      onClose,
      actions: [
        h(Button, { text: t('ui.cancel'), onClick: onClose }),
        h(Button, { text: action, kind: danger ? 'danger' : 'primary', busy, disabled: !may, onClick: onDo }),
      ],
    },
    typeof text === 'string' ? p(null, text) : text,
    children,
    word && h(TextField, { id: 'confirm-word', label: t('ui.type_to_confirm', { word }), value: typed.value, onInput: (value) => (typed.value = value), autocomplete: 'off' }),
  );
}
