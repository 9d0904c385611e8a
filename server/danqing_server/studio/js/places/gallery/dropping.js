/** A picture's file finds its task: dropped here, or chosen. */

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { api } from '../../api.js';
import { div, fragment, h, input, p } from '../../dom.js';
import { t } from '../../i18n.js';
import { sha256 } from '../../pictures/sha256.js';
import { setQuery } from '../../router.js';
import { notify } from '../../ui/announce.js';
import { Button } from '../../ui/button.js';
import { icon } from '../../ui/icon.js';
import { messageOf } from '../../ui/states.js';

/** @param {File | undefined} file */
async function find(file) {
  if (!file) return;
  const end = notify(t('gallery.looking', { name: file.name }), { seconds: 3600 });
  try {
    const hash = await sha256(file);
    let cursor = null;
    do {
      const page = await api.get('/pictures', { sha256: hash, cursor, limit: 1 });
      const [found] = page.pictures;
      if (found) return setQuery({ task: found.task_id, picture: null });
      cursor = page.next_cursor;
    } while (cursor);
    notify(t('gallery.not_found', { name: file.name }), { kind: 'wrong' });
  } catch (error) {
    notify(messageOf(error), { kind: 'wrong' });
  } finally {
    end();
  }
}

/** @param {DragEvent} event */
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');

/** A button for choosing a file; while one is dragged over the page, a veil that takes it. */
export function Finder() {
  const over = useSignal(false);
  const chooser = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    /** @param {DragEvent} event */
    const drag = (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      over.value = event.type !== 'dragleave' || event.relatedTarget !== null;
    };
    /** @param {DragEvent} event */
    const drop = (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      over.value = false;
      void find(event.dataTransfer?.files[0]);
    };
    addEventListener('dragover', drag);
    addEventListener('dragleave', drag);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', drag);
      removeEventListener('dragleave', drag);
      removeEventListener('drop', drop);
    };
  }, []);
  return fragment(
    h(Button, { text: t('gallery.find'), icon: 'upload', kind: 'plain', bare: true, onClick: () => chooser.current?.click() }),
    input({
      ref: chooser, type: 'file', hidden: true, accept: 'image/*,video/*,audio/*', 'aria-label': t('gallery.find'),
      onChange: (event) => {
        void find(event.currentTarget.files?.[0]);
        event.currentTarget.value = '';
      },
    }),
    over.value && div({ class: 'gallery-drop' }, icon('image'), p(null, t('gallery.drop'))),
  );
}
