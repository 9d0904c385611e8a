/** Create: the form, and beside it what came of it today. */

import { useEffect } from 'preact/hooks';

import { a, button, details, div, form, h, h1, h2, label, later, optgroup, option, section, select, span, summary } from '../../dom.js';
import { number } from '../../format.js';
import { t } from '../../i18n.js';
import { bind, isComposition, isTyping } from '../../keys.js';
import { address, link, route, setQuery } from '../../router.js';
import { notify } from '../../ui/announce.js';
import { Button } from '../../ui/button.js';
import { SelectField } from '../../ui/field.js';
import { Empty, Problem, Skeleton } from '../../ui/states.js';
import { change, draft, setValue, values } from './drafts.js';
import { catalogue, choices, fields, hasEffect, load as loadModels, model, second, trouble as modelTrouble } from './models.js';
import { examples } from './prompt.js';
import { addFiles, pictureField } from './references.js';
import { Foot, checking, paint, problemOf, problems, refusals } from './sending.js';
import { follow, ids, load, loaded, setSounding, sounding, trouble } from './today.js';
import { Widget } from './widgets.js';

const Card = later(() => import('./card.js'));

export default function Create() {
  useEffect(follow, []);
  const { reuse: task, reference: uri } = route.value.query;
  const ready = choices.value.length > 0;
  useEffect(() => {
    if (!ready || (!task && !uri)) return;
    setQuery({ reuse: null, reference: null }, { replace: true });
    void import('./reuse.js').then(async ({ reference, reuse }) => {
      if (task) await reuse(task);
      if (uri) reference(uri);
    });
  }, [ready, task, uri]);
  return div(
    { class: 'create' },
    section(
      { class: 'create-side' },
      h1({ class: 'unseen' }, t('place.create')),
      ready ? h(Form, {})
      : modelTrouble.value ? h(Problem, { error: modelTrouble.value, onRetry: () => void loadModels() })
      : catalogue.value ? h(Empty, { title: t('create.no_models') })
      : h(Skeleton, { lines: 8 }),
    ),
    section(
      { class: 'today', 'aria-labelledby': 'create-today' },
      div(
        { class: 'today-head' },
        h2({ id: 'create-today' }, t('create.today')),
        h(Button, { text: t('create.sound'), icon: 'sound', kind: 'plain', bare: true, pressed: sounding.value, onClick: () => setSounding(!sounding.value) }),
      ),
      !!trouble.value && h(Problem, { error: trouble.value, onRetry: () => void load() }),
      !loaded.value && !trouble.value && !ids.value.length ? h(Skeleton, { tiles: 6 })
      : ids.value.length ? div({ class: 'results' }, ids.value.map((id, place) => h(Card, { key: id, id, place })))
      : h(Examples, {}),
      ids.value.length > 0 && a({ ...link(address('tasks')), class: 'earlier' }, t('create.before')),
    ),
  );
}

/** Before anything was painted: prompts to begin with; on a phone they stand by the field. */
const Examples = () =>
  div(
    { class: 'examples' },
    div({ class: 'empty-brush', 'aria-hidden': 'true' }),
    span({ class: 'empty-title' }, t('create.begin')),
    examples((text) => {
      setValue('prompt', text);
      document.getElementById('create-prompt')?.focus();
    }),
  );

/** @param {{ id: string, text: string, value: string, onPick: (key: string) => void, empty?: string }} props */
function Models({ id, text, value, onPick, empty }) {
  const groups = [...new Set(choices.value.map((each) => each.group))];
  return div(
    { class: 'field' },
    label({ for: id, class: 'unseen' }, text),
    select(
      { id, class: 'input select', value, onChange: (event) => onPick(event.currentTarget.value) },
      empty !== undefined && option({ value: '', key: '' }, empty),
      groups.map((group) =>
        optgroup(
          { label: group || t('create.routes'), key: group },
          choices.value.filter((each) => each.group === group).map((each) => option({ value: each.key, key: each.key, selected: each.key === value }, each.title)),
        ),
      ),
    ),
  );
}

/** @param {DragEvent} event */
function dropped(event) {
  const named = /** @type {HTMLElement} */ (event.target).closest?.('[data-field]')?.getAttribute('data-field');
  take(event, event.dataTransfer, named);
}

/** Who writes means words: cells and slides are in the clipboard as a picture, too. @param {ClipboardEvent} event */
function pasted(event) {
  const { types = [] } = event.clipboardData ?? {};
  if (isTyping(event.target) && types.includes('text/plain') && types.some((each) => /^text\/(html|rtf)$/.test(each))) return;
  if (!isCovered()) take(event, event.clipboardData);
}

const isCovered = () => !!document.querySelector('dialog[open]');

/** @param {Event} event @param {DataTransfer | null} given @param {string | null} [named] the field that is meant */
function take(event, given, named) {
  if (!given?.files.length) return;
  event.preventDefault();
  if (isCovered()) return;
  const field = fields.value.find((each) => each.name === named) ?? pictureField();
  if (field) addFiles(field, given.files);
  else notify(t('create.takes_none'), { kind: 'wrong' });
}

export function Form() {
  useEffect(() => {
    const unbind = bind('create', {
      'Mod+Enter': [(event) => void (isComposition(event) || paint()), 'create.paint'],
    });
    const stop = checking();
    document.addEventListener('paste', pasted);
    document.addEventListener('drop', dropped);
    return () => {
      unbind();
      stop();
      document.removeEventListener('paste', pasted);
      document.removeEventListener('drop', dropped);
    };
  }, []);
  const all = fields.value.filter((each) => hasEffect(each, values.value));
  const main = all.filter((each) => each.ui.group === 'main');
  const more = all.filter((each) => each.ui.group !== 'main');
  return form(
    {
      class: 'create-form',
      'aria-label': t('create.form'),
      noValidate: true,
      onSubmit: (event) => event.preventDefault(),
    },
    div(
      { class: 'create-models' },
      h(Models, { id: 'create-model', text: t('create.model'), value: model.value?.key ?? '', onPick: (key) => change({ model: key }) }),
      second.value
        ? div(
            { class: 'second' },
            h(Models, { id: 'create-second', text: t('create.second'), value: second.value.key, onPick: (key) => change({ second: key }) }),
            h(Button, { text: t('create.no_second'), icon: 'close', bare: true, kind: 'plain', onClick: () => change({ second: '' }) }),
          )
        : button({ type: 'button', class: 'link', onClick: addSecond }, t('create.add_second')),
    ),
    main.map((each) => fieldOf(each)),
    details(
      { class: 'more', open: draft.value.more || more.some((each) => problemOf(each.name)), onToggle: (event) => change({ more: event.currentTarget.open }) },
      summary(null, t('create.more', { count: number(more.length + 2) })),
      div({ class: 'more-fields' }, more.map((each) => fieldOf(each)), h(Terms, {})),
    ),
    h(Foot, {}),
  );
}

/** Another model of the same kind, at first the one after the first. */
function addSecond() {
  const same = choices.value.filter((each) => each.kind === model.value?.kind);
  const next = same[(same.findIndex((each) => each.key === model.value?.key) + 1) % same.length];
  if (next) change({ second: next.key });
}

/** @param {import('./models.js').FormField} field */
const fieldOf = (field) =>
  h(Widget, {
    key: `${model.value?.key} ${field.name}`,
    field,
    id: `create-${field.name}`,
    value: values.value[field.name],
    error: problemOf(field.name),
    problems: problems.value,
    sandbox: !!model.value?.sandbox,
    set: (value) => {
      setValue(field.name, value);
      if (refusals.value.length) refusals.value = refusals.value.filter((each) => each.field.replace(/^input\.?/, '').replace(/[.[].*/, '') !== field.name);
    },
  });

/** What is agreed on beside the model's own parameters. */
const Terms = () => [
  h(SelectField, {
    key: 'priority', id: 'create-priority', label: t('create.priority'), value: draft.value.terms.priority ?? '',
    choices: [['', t('create.priority.normal')], ['high', t('create.priority.high')], ['low', t('create.priority.low')]],
    onChange: (value) => change({ terms: { ...draft.value.terms, priority: value || undefined } }),
  }),
  h(SelectField, {
    key: 'on_ambiguous', id: 'create-on_ambiguous', label: t('create.on_ambiguous'), help: t('create.on_ambiguous.help'), value: draft.value.terms.on_ambiguous ?? '',
    choices: [['', t('create.on_ambiguous.usual')], ['retry', t('create.on_ambiguous.retry')], ['fail', t('create.on_ambiguous.fail')]],
    onChange: (value) => change({ terms: { ...draft.value.terms, on_ambiguous: value || undefined } }),
  }),
];
