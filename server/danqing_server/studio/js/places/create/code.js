/** What the form sends, as JSON and as a call from anywhere. */

import { code, details, div, h, p, pre, summary } from '../../dom.js';
import { t } from '../../i18n.js';
import { curlOf } from '../../results.js';
import { CopyButton } from '../../ui/copy.js';
import { Dialog } from '../../ui/dialog.js';

/** @param {{ bodies: any[], onClose: () => void }} props */
export default ({ bodies, onClose }) =>
  h(
    Dialog,
    { title: t('create.as_json'), onClose, class: 'as-code' },
    p({ class: 'field-help' }, t('create.code_hint')),
    bodies.map((body) =>
      div(
        { key: body.model, class: 'code-block' },
        pre({ tabIndex: 0 }, code(null, JSON.stringify(body, null, 2))),
        div({ class: 'code-tools' }, h(CopyButton, { text: JSON.stringify(body, null, 2), label: t('create.copy_json') }), h(CopyButton, { text: curlOf(body), label: t('create.copy_curl') })),
        details(null, summary(null, 'curl'), pre({ tabIndex: 0 }, code(null, curlOf(body)))),
      ),
    ),
  );
