/** Picking one of one's own pictures as a reference. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { api, newKey } from '../../api.js';
import { button, h, li, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { Dialog } from '../../ui/dialog.js';
import { Empty, Problem, Skeleton } from '../../ui/states.js';
import { Thumb } from '../../ui/thumb.js';

/** @param {{ onClose: () => void, onPick: (picture: import('./drafts.js').Picture) => void }} props */
export default function Picker({ onClose, onPick }) {
  /** @type {import('@preact/signals').Signal<any[] | null>} */
  const rows = useSignal(/** @type {any[] | null} */ (null));
  const wrong = useSignal(/** @type {unknown} */ (null));
  useEffect(() => {
    api.get('/pictures', { kind: 'image', limit: 60 }).then(
      (page) => (rows.value = page.pictures),
      (error) => (wrong.value = error),
    );
  }, []);
  return h(
    Dialog,
    { title: t('create.pick_title'), onClose },
    wrong.value ? h(Problem, { error: wrong.value })
    : !rows.value ? h(Skeleton, { tiles: 8 })
    : !rows.value.length ? h(Empty, { title: t('create.pick_none') })
    : ul(
        { class: 'picker' },
        rows.value.map((row) =>
          li(
            { key: row.id },
            button(
              { type: 'button', class: 'picker-tile', onClick: () => onPick({ id: newKey(), uri: row.url, path: row.path, name: row.prompt ?? '' }) },
              h(Thumb, { url: row.url, alt: row.prompt ?? row.id, width: 128, color: row.colour }),
            ),
          ),
        ),
      ),
  );
}
