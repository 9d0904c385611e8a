/** The controls of a form's fields, by their `x-ui.widget`. */

import { button, div, fieldset, h, input, label, later, legend, option, p, select, span, textarea } from '../../dom.js';
import { number } from '../../format.js';
import { t } from '../../i18n.js';
import { Button } from '../../ui/button.js';
import { Field, described } from '../../ui/field.js';
import { choicesOf, frameOf, hasEffect, numberOf, several, useNumber, usualOf } from './models.js';
import { PromptField } from './prompt.js';
import { ReferencesField } from './references.js';
import { SizeField } from './size.js';

/** @typedef {import('./models.js').WidgetProps} WidgetProps */

const JsonWidget = later(() => import('./json_widget.js'));

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
  seed: later(() => import('./seed_widget.js')),
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
    const now = several(value);
    set(now.includes(each) ? now.filter((/** @type {any} */ one) => one !== each) : [...now, each]);
  };
  return h(
    Field,
    frameOf(props),
    div(
      { ...described(frameOf(props)), class: 'chips', role: 'group', 'aria-label': field.title, tabIndex: -1 },
      (choicesOf(field.schema) ?? []).map((each) =>
        button(
          { type: 'button', key: each, id: `${id}-${each}`, class: 'chip', 'aria-pressed': many ? several(value).includes(each) : shown === each, onClick: () => pick(each) },
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
      { class: 'stepper' },
      h(Button, { text: t('create.less', { name: field.title }), icon: 'minus', bare: true, disabled: shown <= minimum, onClick: () => move(-step) }),
      input({
        ...described(frameOf(props)),
        ...useNumber(props),
        class: 'input number-input', inputMode: 'decimal', placeholder: field.schema.default === undefined ? t('create.left') : String(field.schema.default), autocomplete: 'off',
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
