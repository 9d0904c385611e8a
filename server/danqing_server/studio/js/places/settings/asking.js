/** What the parts of Settings share: their heads, what was asked for, a secret that is shown once. */

import { code, div, form, h, h2, p } from '../../dom.js';
import { t } from '../../i18n.js';
import { Button } from '../../ui/button.js';
import { CopyButton } from '../../ui/copy.js';
import { Dialog } from '../../ui/dialog.js';
import { Problem, Skeleton } from '../../ui/states.js';

/** What was asked for: its shape while it is on its way, why it did not come, or itself. @param {{ asked: { data: unknown, error: unknown, look: () => void }, children?: any }} props */
export function Shown({ asked, children }) {
  if (asked.error !== null) return h(Problem, { error: asked.error, onRetry: asked.look });
  return asked.data === null ? h(Skeleton, { lines: 4 }) : children;
}

/** @param {{ pages: { further: (() => void) | null, missed: unknown } }} props */
export const More = ({ pages: { further, missed } }) =>
  further && [missed !== null && h(Problem, { key: 'missed', error: missed }), h(Button, { key: 'more', text: t('settings.more'), onClick: further })];

/** @param {{ title: import('preact').ComponentChildren, text?: import('preact').ComponentChildren, children?: import('preact').ComponentChildren }} props */
export const Head = ({ title, text, children }) =>
  div({ class: 's-part-head' }, div({ class: 's-part-title' }, h2(null, title), text && p({ class: 's-part-text' }, text)), children);

/** @param {{ title: string, text: string, more?: import('preact').ComponentChildren, secret: string, onClose: () => void }} props */
export const Secret = ({ title, text, more, secret, onClose }) =>
  h(
    Dialog,
    { title, onClose, insistent: true, actions: h(Button, { text: t('secret.kept'), kind: 'primary', onClick: onClose }) },
    p(null, text),
    div({ class: 's-secret' }, code({ class: 's-secret-text', 'aria-label': t('secret.label') }, secret), h(CopyButton, { text: secret })),
    more && p({ class: 'field-help' }, more),
  );

/** A form in a dialog; *made*: what it changes is there already. @param {{ title: string, made: boolean, act: { busy: boolean, error: unknown, run: () => void }, onClose: () => void, children?: any }} props */
export const FormDialog = ({ title, made, act, onClose, children }) =>
  h(
    Dialog,
    {
      title, onClose,
      actions: [h(Button, { text: t('ui.cancel'), onClick: onClose }), h(Button, { text: t(made ? 'settings.save' : 'settings.create'), kind: 'primary', busy: act.busy, type: 'submit', form: 'dialog-form' })],
    },
    form({ id: 'dialog-form', class: 's-form', noValidate: true, onSubmit: (event) => { event.preventDefault(); act.run(); } }, children, act.error !== null && h(Problem, { error: act.error })),
  );
