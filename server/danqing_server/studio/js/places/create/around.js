/** What every field shows around its control. */

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
