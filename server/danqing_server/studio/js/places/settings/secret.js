/** A secret that the server shows once: it stays until one says that it is kept. */

import { code, div, h, p } from '../../dom.js';
import { t } from '../../i18n.js';
import { Button } from '../../ui/button.js';
import { CopyButton } from '../../ui/copy.js';
import { Dialog } from '../../ui/dialog.js';

/** @param {{ title: string, text: string, secret: string, onClose: () => void }} props */
export const Secret = ({ title, text, secret, onClose }) =>
  h(
    Dialog,
    { title, onClose, insistent: true, actions: h(Button, { text: t('secret.kept'), kind: 'primary', onClick: onClose }) },
    p(null, text),
    div({ class: 's-secret' }, code({ class: 's-secret-text', 'aria-label': t('secret.label') }, secret), h(CopyButton, { text: secret })),
  );
