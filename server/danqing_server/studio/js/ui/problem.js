/** A request that failed: what happened, and what one can do. */

import { ApiError } from '../api.js';
import { div, h, li, p, small, ul } from '../dom.js';
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
