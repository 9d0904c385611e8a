/** What the parts of Settings share: asking, doing, their heads, a secret that is shown once, and who may what. */

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { api, ApiError } from '../../api.js';
import { code, div, h, h2, p } from '../../dom.js';
import { t } from '../../i18n.js';
import { me } from '../../session.js';
import { Button } from '../../ui/button.js';
import { CopyButton } from '../../ui/copy.js';
import { Dialog } from '../../ui/dialog.js';
import { Problem } from '../../ui/problem.js';
import { Skeleton } from '../../ui/skeleton.js';

/** @param {string} scope */
export const may = (scope) => me.value?.scopes.includes(scope) ?? false;

/**
 * Ask for something, again when *on* changes; old data stays while new is asked for.
 *
 * @template T
 * @param {() => Promise<T>} ask
 * @param {unknown[]} [on]
 */
export function useAsked(ask, on = []) {
  const data = useSignal(/** @type {T | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  const newest = useRef(0);
  const look = async () => {
    const own = ++newest.current;
    try {
      const found = await ask();
      if (own !== newest.current) return;
      data.value = found;
      error.value = null;
    } catch (thrown) {
      if (own === newest.current) error.value = thrown;
    }
  };
  useEffect(() => {
    look();
    return () => {
      newest.current++;
    };
  }, on);
  return { data: data.value, error: error.value, look };
}

/**
 * Ask for a list that comes in pages.
 *
 * @param {string} path
 * @param {string} name of the list in the answer
 * @param {import('../../api.js').Query} [query]
 */
export function usePages(path, name, query = {}) {
  const more = useSignal(/** @type {any[]} */ ([]));
  const next = useSignal(/** @type {string | null} */ (null));
  const asked = useAsked(async () => {
    const found = await api.get(path, query);
    more.value = [];
    next.value = found.next_cursor ?? null;
    return /** @type {any[]} */ (found[name]);
  }, [path, JSON.stringify(query)]);
  const further = async () => {
    const found = await api.get(path, { ...query, cursor: next.value });
    more.value = [...more.value, ...found[name]];
    next.value = found.next_cursor ?? null;
  };
  return { ...asked, data: asked.data && [...asked.data, ...more.value], further: next.value ? further : null };
}

/** What was asked for: its shape while it is on its way, why it did not come, or itself. @param {{ asked: { data: unknown, error: unknown, look: () => void }, children?: any }} props */
export function Shown({ asked, children }) {
  if (asked.error !== null) return h(Problem, { error: asked.error, onRetry: asked.look });
  return asked.data === null ? h(Skeleton, { lines: 4 }) : children;
}

/** @param {{ onMore: (() => void) | null }} props */
export const More = ({ onMore }) => onMore && h(Button, { text: t('settings.more'), onClick: onMore });

/**
 * Something a button does: whether it is under way, and what went wrong with it, field by field.
 *
 * @template {unknown[]} Given
 * @param {(...given: Given) => Promise<unknown>} act
 */
export function useAct(act) {
  const busy = useSignal(false);
  const error = useSignal(/** @type {unknown} */ (null));
  /** @param {Given} given */
  const run = async (...given) => {
    busy.value = true;
    error.value = null;
    try {
      await act(...given);
    } catch (thrown) {
      error.value = thrown;
    } finally {
      busy.value = false;
    }
  };
  const problems = error.value instanceof ApiError ? error.value.problems : [];
  /** @param {string} field */
  const wrong = (field) => problems.find((each) => each.field === field || each.field.startsWith(`${field}[`))?.message ?? null;
  return { busy: busy.value, error: error.value, wrong, run };
}

/** @param {{ title: import('preact').ComponentChildren, text?: import('preact').ComponentChildren, children?: import('preact').ComponentChildren }} props */
export const Head = ({ title, text, children }) =>
  div({ class: 's-part-head' }, div({ class: 's-part-title' }, h2(null, title), text && p({ class: 's-part-text' }, text)), children);

/** @param {{ title: string, text: string, secret: string, onClose: () => void }} props */
export const Secret = ({ title, text, secret, onClose }) =>
  h(
    Dialog,
    { title, onClose, insistent: true, actions: h(Button, { text: t('secret.kept'), kind: 'primary', onClick: onClose }) },
    p(null, text),
    div({ class: 's-secret' }, code({ class: 's-secret-text', 'aria-label': t('secret.label') }, secret), h(CopyButton, { text: secret })),
  );
