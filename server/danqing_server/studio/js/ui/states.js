/** What stands where there is nothing, nothing yet, or something that went wrong. */

import { ApiError } from '../api.js';
import { div, h, li, p, small, span, ul } from '../dom.js';
import { t } from '../i18n.js';
import { Button } from './button.js';
import { icon } from './icon.js';

/**
 * Return what is to be said of *error*.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function messageOf(error) {
  if (!(error instanceof ApiError)) return String(/** @type {any} */ (error)?.message ?? error);
  if (error.status === 0) return t('problem.offline');
  return error.message || t('problem.unreadable', { status: String(error.status) });
}

/** @param {{ error: unknown, onRetry?: () => void, fields?: boolean }} props */
export function Problem({ error, onRetry, fields = false }) {
  const known = error instanceof ApiError ? error : null;
  return div(
    { class: 'problem', role: 'alert' },
    icon('warning'),
    div(
      { class: 'problem-text' },
      p(null, messageOf(error)),
      fields && !!known?.problems.length && ul(null, known.problems.map((each) => li({ key: each.field }, `${each.field}: ${each.message}`))),
      known?.requestId && small(null, t('ui.request_id', { id: known.requestId })),
    ),
    onRetry && h(Button, { text: t('app.retry'), onClick: onRetry }),
  );
}

/** @param {{ title: string, text?: string, action?: import('preact').ComponentChildren, children?: import('preact').ComponentChildren }} props */
export const Empty = ({ title, text, action, children }) =>
  div(
    { class: 'empty' },
    div({ class: 'empty-brush', 'aria-hidden': 'true' }),
    p({ class: 'empty-title' }, title),
    text && p({ class: 'empty-text' }, text),
    action,
    children,
  );

/** @param {{ lines?: number, tiles?: number }} props */
export const Skeleton = ({ lines = 0, tiles = 0 }) =>
  div(
    { class: 'skeleton', role: 'status' },
    span({ class: 'unseen' }, t('ui.loading')),
    Array.from({ length: lines }, (_, each) => div({ class: 'skeleton-line', key: `l${each}` })),
    tiles > 0 && div({ class: 'skeleton-tiles' }, Array.from({ length: tiles }, (_, each) => div({ class: 'skeleton-tile', key: `t${each}` }))),
  );
