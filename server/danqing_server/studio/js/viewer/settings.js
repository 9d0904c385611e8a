/** What made the picture, for reading: the form in Create stays as it is. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { api } from '../api.js';
import { aside, dd, details, div, dl, dt, h, h2, p, pre, summary } from '../dom.js';
import { bytes } from '../format.js';
import { t } from '../i18n.js';
import { referencesOf } from '../sheet/facts.js';
import { costText } from '../ui/money.js';
import { CopyButton } from '../ui/copy.js';
import { Thumb } from '../ui/thumb.js';
import { Moment } from '../ui/time.js';

/** @param {{ row: import('../pictures/store.js').Picture }} props */
export function Settings({ row }) {
  const task = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    let over = false;
    task.value = null;
    api.get(`/tasks/${row.task_id}`).then((found) => !over && (task.value = found), () => {});
    return () => {
      over = true;
    };
  }, [row.task_id]);
  const known = task.value;
  const prompt = known?.input?.prompt ?? row.prompt;
  const references = known ? referencesOf(known) : [];
  return aside(
    { class: 'viewer-settings', 'aria-label': t('viewer.settings'), tabIndex: 0 },
    h2(null, t('viewer.prompt')),
    p({ class: 'viewer-prompt' }, prompt || t('pictures.none')),
    prompt && h(CopyButton, { text: prompt, kind: 'plain' }),
    dl(
      null,
      fact('viewer.model', row.model),
      row.width > 0 && fact('viewer.measure', `${row.width} × ${row.height} · ${bytes(row.size_bytes)}`),
      fact('viewer.when', h(Moment, { at: row.created_at })),
      fact('viewer.user', row.user_id),
      known && fact('viewer.cost', costText(known.cost)),
    ),
    references.length > 0 && div({ class: 'viewer-references' }, h2(null, t('viewer.references')), div(null, references.map((url) => h(Thumb, { key: url, url, alt: t('viewer.references'), width: 72 })))),
    known && details(null, summary(null, t('viewer.input')), pre({ tabIndex: 0 }, JSON.stringify(known.input, null, 2))),
  );
}

/** @param {string} key @param {import('preact').ComponentChildren} value */
const fact = (key, value) => div({ key }, dt(null, t(key)), dd(null, value));
