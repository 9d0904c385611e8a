/** A form's field: its label, its help, what is wrong with it, and the control between them. */

import { div, input, label, option, p, select, span } from '../dom.js';
import { t } from '../i18n.js';

/**
 * @typedef {object} FieldProps
 * @property {string} id of the control; the ids of help and error follow from it
 * @property {string} label
 * @property {import('preact').ComponentChildren} [help]
 * @property {string | null} [error]
 * @property {boolean} [optional]
 * @property {import('preact').ComponentChildren} [aside] stands at the label's end
 * @property {import('preact').ComponentChildren} [children] the control; give it `describedBy`
 */

/** @param {FieldProps} props */
export function Field({ id, label: text, help, error, optional, aside, children }) {
  return div(
    { class: error ? 'field field-wrong' : 'field' },
    div(
      { class: 'field-head' },
      label({ for: id }, text, optional && span({ class: 'field-optional' }, ` ${t('ui.optional')}`)),
      aside && span({ class: 'field-aside' }, aside),
    ),
    children,
    help && p({ class: 'field-help', id: `${id}-help` }, help),
    error && p({ class: 'field-error', id: `${id}-error` }, error),
  );
}

/**
 * The props that tie a control to its field.
 *
 * @param {{ id: string, help?: unknown, error?: string | null }} field
 */
export const described = ({ id, help, error }) => ({
  id,
  'aria-describedby': [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(' ') || undefined,
  'aria-invalid': error ? /** @type {const} */ ('true') : undefined,
});

/**
 * A field with a line of text.
 *
 * @param {Omit<FieldProps, 'children'> & { value: string, onInput: (value: string) => void,
 *   type?: 'text' | 'password' | 'search' | 'number' | 'date' | 'url' | 'email',
 *   placeholder?: string, autocomplete?: string, inputmode?: 'numeric' | 'decimal' | 'search' | 'url', required?: boolean,
 *   list?: string, min?: string, max?: string, spellcheck?: boolean, class?: string }} props
 */
export function TextField(props) {
  const { value, onInput, type = 'text', placeholder, autocomplete, inputmode, required, list, min, max, spellcheck } = props;
  return Field({
    ...props,
    children: input({
      ...described(props),
      class: props.class ? `input ${props.class}` : 'input',
      type, value, placeholder, autocomplete, inputmode, required, list, min, max, spellcheck,
      onInput: (event) => onInput(event.currentTarget.value),
    }),
  });
}

/**
 * A field with choices.
 *
 * @param {Omit<FieldProps, 'children'> & { value: string, choices: readonly (readonly [value: string, text: string])[],
 *   onChange: (value: string) => void }} props
 */
export function SelectField(props) {
  return Field({
    ...props,
    children: select(
      { ...described(props), class: 'input select', value: props.value, onChange: (event) => props.onChange(event.currentTarget.value) },
      props.choices.map(([value, text]) => option({ value, key: value, selected: value === props.value }, text)),
    ),
  });
}

/**
 * A switch.
 *
 * @param {{ id: string, label: string, on: boolean, onChange: (on: boolean) => void, disabled?: boolean, help?: string }} props
 */
export function Switch({ id, label: text, on, onChange, disabled, help }) {
  return div(
    { class: 'switch-row' },
    input({
      ...described({ id, help }),
      class: 'switch', type: 'checkbox', role: 'switch', checked: on, disabled,
      onChange: (event) => onChange(event.currentTarget.checked),
    }),
    label({ for: id }, text),
    help && p({ class: 'field-help', id: `${id}-help` }, help),
  );
}

/**
 * One of a few, side by side.
 *
 * @template {string} Value
 * @param {{ label: string, name: string, value: Value, choices: readonly (readonly [value: Value, text: import('preact').ComponentChildren])[],
 *   onChange: (value: Value) => void }} props
 */
export function Segments({ label: text, name, value, choices, onChange }) {
  return div(
    { class: 'segments', role: 'radiogroup', 'aria-label': text },
    choices.map(([each, shown]) =>
      label(
        { class: 'segment', key: each },
        input({ type: 'radio', name, value: each, checked: each === value, onChange: () => onChange(each) }),
        span(null, shown),
      ),
    ),
  );
}
