/** Copying: where the page came by plain http there is no clipboard, but there is the old way. */

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { useSignal } from '@preact/signals';
import { announce, notify } from './announce.js';
import { Button } from './button.js';

/**
 * Copy *text*; returns whether that worked.
 *
 * @param {string} text
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyTheOldWay(text);
  }
}

/** @param {string} text */
function copyTheOldWay(text) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'unseen';
  (document.querySelector('dialog:modal') ?? document.body).append(area);
  area.select();
  try {
    return document.execCommand('copy');
  } catch {
    return false;
  } finally {
    area.remove();
    before?.focus();
  }
}

/** @param {{ text: string, label?: string, bare?: boolean, kind?: 'normal' | 'plain' }} props */
export function CopyButton({ text, label = t('ui.copy'), bare = false, kind = 'normal' }) {
  const done = useSignal(false);
  const copy = async () => {
    if (!(await copyText(text))) {
      notify(t('ui.not_copied'), { kind: 'wrong' });
      return;
    }
    done.value = true;
    announce(t('ui.copied'));
    setTimeout(() => (done.value = false), 2_000);
  };
  return h(Button, { text: done.value ? t('ui.copied') : label, icon: done.value ? 'check' : 'copy', bare, kind, onClick: copy });
}
