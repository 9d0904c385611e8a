/** The controls of a form's fields, by their `x-ui.widget`. */

import { useSignal } from '@preact/signals';

import { button, div, fieldset, h, input, label, legend, option, p, select, span, textarea } from '../../dom.js';
import { number } from '../../format.js';
import { t } from '../../i18n.js';
import { Field, described } from '../../ui/field.js';
import { Button } from '../../ui/button.js';
import { frameOf, usualOf } from './around.js';
import { PromptField } from './prompt.js';
import { ReferencesField } from './references.js';
import { choicesOf, hasEffect, numberOf } from './schema.js';
import { SizeField } from './size.js';

/** @typedef {import('./around.js').WidgetProps} WidgetProps */

/** @type {Record<string, (props: WidgetProps) => import('preact').ComponentChildren>} */
const WIDGETS = {
  prompt: PromptField,
  text: TextWidget,
  size: SizeField,
  references: ReferencesField,
  switch: SwitchWidget,
  chips: ChipsWidget,
  select: SelectWidget,
  number: NumberWidget,
  seed: SeedWidget,
  group: GroupWidget,
  json: JsonWidget,
};

/** @param {WidgetProps} props */
export const Widget = (props) => h(WIDGETS[props.field.ui.widget] ?? JsonWidget, props);

/** @param {WidgetProps} props */
function TextWidget(props) {
  const { field, value, set } = props;
  const shared = { ...described(frameOf(props)), class: 'input', value: value ?? '', maxLength: field.schema.maxLength, placeholder: field.schema.default };
  /** @param {{ currentTarget: { value: string } }} event */
  const onInput = (event) => set(event.currentTarget.value || undefined);
  const long = (field.schema.maxLength ?? 999) > 256 || String(value ?? '').length > 60;
  return h(Field, frameOf(props), long ? textarea({ ...shared, rows: 2, onInput }) : input({ ...shared, onInput }));
}

/** @param {WidgetProps} props */
function SwitchWidget(props) {
  const { field, value, set, id, error } = props;
  const { help } = frameOf(props);
  return div(
    { class: 'switch-field' },
    div(
      { class: 'switch-row' },
      input({
        ...described({ id, help, error }),
        class: 'switch', type: 'checkbox', role: 'switch', checked: value ?? field.schema.default ?? false,
        onChange: (event) => set(event.currentTarget.checked),
      }),
      label({ for: id }, field.title),
    ),
    help && p({ class: 'field-help', id: `${id}-help` }, help),
    error && p({ class: 'field-error', id: `${id}-error` }, error),
  );
}

/** @param {WidgetProps} props */
function ChipsWidget(props) {
  const { field, value, set, id } = props;
  const many = !!field.schema.items;
  const shown = value ?? field.schema.default;
  /** @param {string | number} each */
  const pick = (each) => {
    if (!many) return set(each === value ? undefined : each);
    const now = value ?? [];
    set(now.includes(each) ? now.filter((/** @type {any} */ one) => one !== each) : [...now, each]);
  };
  return h(
    Field,
    frameOf(props),
    div(
      { ...described(frameOf(props)), class: 'chips', role: 'group', 'aria-label': field.title, tabIndex: -1 },
      (choicesOf(field.schema) ?? []).map((each) =>
        button(
          { type: 'button', key: each, id: `${id}-${each}`, class: 'chip', 'aria-pressed': many ? (value ?? []).includes(each) : shown === each, onClick: () => pick(each) },
          field.ui.labels?.[String(each)] ?? String(each),
        ),
      ),
    ),
  );
}

/** @param {WidgetProps} props */
function SelectWidget(props) {
  const { field, value, set } = props;
  const choices = choicesOf(field.schema) ?? [];
  return h(
    Field,
    frameOf(props),
    select(
      {
        ...described(frameOf(props)), class: 'input select', value: value === undefined ? '' : String(value),
        onChange: (event) => set(choices.find((each) => String(each) === event.currentTarget.value)),
      },
      option({ value: '', key: '' }, usualOf(field)),
      choices.map((each) => option({ value: String(each), key: each, selected: each === value }, field.ui.labels?.[String(each)] ?? String(each))),
    ),
  );
}

/** @param {string} text @returns {number | string | undefined} what is no number stays as it was written, for the server to refuse */
export function numberIn(text) {
  const found = text.trim();
  if (!found) return undefined;
  return Number.isFinite(Number(found)) ? Number(found) : found;
}

/** @param {WidgetProps} props */
function NumberWidget(props) {
  const { field, value, set, id } = props;
  const { minimum, maximum, multipleOf } = numberOf(field.schema) ?? {};
  const unit = field.ui.unit;
  const aside = minimum !== undefined && maximum < 1e6 ? t('create.range', { least: number(minimum), most: number(maximum) }) : undefined;
  const step = field.ui.step ?? multipleOf ?? (field.schema.type === 'number' ? 0.1 : 1);
  const shown = value ?? field.schema.default;
  /** @param {number} by */
  const move = (by) => {
    const from = typeof shown === 'number' ? shown : (minimum ?? 0) - by;
    set(Math.round(Math.min(maximum ?? 1e15, Math.max(minimum ?? -1e15, from + by)) * 1e6) / 1e6);
  };
  return h(
    Field,
    { ...frameOf(props), aside: frameOf(props).aside ?? aside },
    div(
      { class: 'number' },
      h(Button, { text: t('create.less', { name: field.title }), icon: 'minus', bare: true, disabled: shown <= minimum, onClick: () => move(-step) }),
      input({
        ...described(frameOf(props)),
        class: 'input number-input', inputMode: 'decimal', value: value ?? '', placeholder: field.schema.default === undefined ? t('create.left') : String(field.schema.default), autocomplete: 'off',
        onInput: (event) => set(numberIn(event.currentTarget.value)),
        onKeyDown: (event) => {
          if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
          event.preventDefault();
          move(event.key === 'ArrowUp' ? step : -step);
        },
      }),
      h(Button, { text: t('create.greater', { name: field.title }), icon: 'plus', bare: true, disabled: shown >= maximum, onClick: () => move(step) }),
      unit && span({ class: 'field-aside', id: `${id}-unit` }, unit),
    ),
  );
}

/** @param {WidgetProps} props */
function SeedWidget(props) {
  const { field, value, set } = props;
  const { maximum = 2 ** 31 - 1 } = numberOf(field.schema) ?? {};
  return h(
    Field,
    frameOf(props),
    div(
      { class: 'number' },
      input({
        ...described(frameOf(props)),
        class: 'input', inputMode: 'numeric', autocomplete: 'off', value: value ?? '', placeholder: t('create.random'),
        onInput: (event) => set(numberIn(event.currentTarget.value)),
      }),
      h(Button, { text: t('create.draw'), icon: 'reuse', bare: true, onClick: () => set(Math.floor(Math.random() * Math.min(maximum, 2 ** 31 - 1))) }),
    ),
  );
}

/** @param {WidgetProps} props */
function GroupWidget({ field, value, set, id, error, sandbox, problems }) {
  const inner = value ?? {};
  return fieldset(
    { class: 'group', id, tabIndex: -1 },
    legend(null, field.title),
    field.description && p({ class: 'field-help' }, field.description),
    error && p({ class: 'field-error' }, error),
    field.inner
      .filter((each) => hasEffect(each, inner))
      .map((each) =>
        h(Widget, {
          key: each.name, field: each, value: inner[each.name], id: `${id}-${each.name}`, sandbox, problems,
          error: problems[`${field.name}.${each.name}`] ?? null,
          set: (found) => set({ ...inner, [each.name]: found }),
        }),
      ),
  );
}

/** @param {WidgetProps} props */
function JsonWidget(props) {
  const { field, value, set } = props;
  const text = useSignal(value === undefined ? '' : JSON.stringify(value, null, 1));
  const wrong = useSignal('');
  const ready = field.schema.const ?? field.schema.default ?? field.schema.examples?.[0];
  /** @param {string} written */
  const take = (written) => {
    text.value = written;
    try {
      set(written.trim() ? JSON.parse(written) : undefined);
      wrong.value = '';
    } catch {
      wrong.value = t('create.no_json');
    }
  };
  const frame = { ...frameOf(props), error: wrong.value || props.error, aside: frameOf(props).aside ?? 'JSON' };
  return h(
    Field,
    frame,
    textarea({
      ...described(frame),
      class: 'input code', rows: 2, spellcheck: false, value: text.value, placeholder: ready === undefined ? undefined : JSON.stringify(ready),
      onInput: (event) => take(event.currentTarget.value),
    }),
    ready !== undefined && !text.value && h(Button, { text: t('create.take_json'), kind: 'plain', onClick: () => take(JSON.stringify(ready)) }),
  );
}

