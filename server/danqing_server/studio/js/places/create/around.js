/** What every field shows around its control; and loading what is rarely shown. */

import { useEffect } from 'preact/hooks';
import { signal } from '@preact/signals';

import { h } from '../../dom.js';
import { t } from '../../i18n.js';

/**
 * @typedef {object} WidgetProps
 * @property {import('./schema.js').FormField} field
 * @property {any} value undefined: left to the service
 * @property {(value: any) => void} set
 * @property {string | null} error
 * @property {string} id of the control
 * @property {boolean} sandbox
 * @property {Record<string, string>} problems of the whole form, by path
 */

/**
 * @param {WidgetProps} props
 * @returns {{ id: string, error: string | null, label: string, help?: string, aside?: string }}
 */
export const frameOf = ({ field, id, error }) => ({
  id,
  error,
  label: field.title,
  help: [field.description, field.ui.advice].filter(Boolean).join(' · ') || undefined,
  aside: field.deprecated ? t('create.deprecated') : undefined,
});

/** @param {import('./schema.js').FormField} field what the service does by itself, in words */
export const usualOf = (field) =>
  field.schema.default === undefined ? t('create.left') : (field.ui.labels?.[String(field.schema.default)] ?? String(field.schema.default));

/** @param {string} text @returns {number | string | undefined} what is no number stays as it was written, for the server to refuse */
export function numberIn(text) {
  const found = text.trim();
  if (!found) return undefined;
  return Number.isFinite(Number(found)) ? Number(found) : found;
}

/**
 * Return a component that loads its module when it is first shown; nothing is there until then.
 *
 * @template P
 * @param {() => Promise<{ default: (props: P) => import('preact').ComponentChildren }>} load
 * @returns {(props: P) => import('preact').ComponentChildren}
 */
export function later(load) {
  const found = signal(/** @type {((props: any) => import('preact').ComponentChildren) | null} */ (null));
  return (props) => {
    useEffect(() => {
      if (!found.value) load().then((module) => (found.value = module.default), console.warn);
    }, []);
    return found.value ? h(found.value, /** @type {any} */ (props)) : null;
  };
}
