/** What is asked for: a line of search, and filters beside it. The address is the truth. */

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { api } from '../../api.js';
import { div, h, input, label, option, search, select, span } from '../../dom.js';
import { t } from '../../i18n.js';
import { bind } from '../../keys.js';
import { FILTERS } from '../../pictures/store.js';
import { route, setQuery } from '../../router.js';
import { Button } from '../../ui/button.js';
import { icon } from '../../ui/icon.js';

const TYPED_MS = 300;

/** The filter that the address names. @returns {Record<string, string>} */
export function filterHere() {
  const { query } = route.value;
  return Object.fromEntries(FILTERS.flatMap((name) => (query[name] ? [[name, query[name]]] : [])));
}

/** Take all filters away. */
export const clearFilter = () => setQuery(Object.fromEntries(FILTERS.map((name) => [name, null])));

/** A field that follows what is typed after a moment. @param {{ name: 'q' | 'user_id', label: string, class: string, type: 'search' | 'text' }} props */
function Typed({ name, label: text, class: kind, type }) {
  const typed = useSignal(/** @type {string | null} */ (null));
  const timer = useRef(0);
  const box = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => (name === 'q' ? bind('gallery-search', { '/': [() => box.current?.focus(), 'gallery.search'] }) : undefined), []);
  const value = typed.value ?? route.value.query[name] ?? '';
  const settle = () => {
    clearTimeout(timer.current);
    if (typed.value !== null) setQuery({ [name]: typed.value.trim() || null }, { replace: true });
    typed.value = null;
  };
  return input({
    ref: box, class: `input ${kind}`, type, value, 'aria-label': text, placeholder: text, spellcheck: false, autocomplete: 'off', maxLength: name === 'q' ? 200 : 128,
    onInput: (event) => {
      typed.value = event.currentTarget.value;
      clearTimeout(timer.current);
      timer.current = setTimeout(settle, TYPED_MS);
    },
    onBlur: settle,
    onKeyDown: (event) => {
      if (event.key === 'Enter' && !event.isComposing && event.keyCode !== 229) settle();
    },
  });
}

/** @param {{ name: string, label: string, choices: [string, string][] }} props */
const Choice = ({ name, label: text, choices }) => {
  const value = route.value.query[name] ?? '';
  const known = choices.some(([each]) => each === value) ? choices : [...choices, /** @type {[string, string]} */ ([value, value])];
  return label(
    { class: 'gallery-choice' },
    span(null, text),
    select(
      { class: 'input select', value, onChange: (event) => setQuery({ [name]: event.currentTarget.value || null }) },
      option({ value: '' }, t('gallery.any')),
      known.filter(([each]) => each).map(([each, shown]) => option({ value: each, key: each, selected: each === value }, shown)),
    ),
  );
};

/** @param {{ name: 'from' | 'to' }} props */
const Day = ({ name }) =>
  label(
    { class: 'gallery-choice' },
    span(null, t(`gallery.${name}`)),
    input({ class: 'input', type: 'date', value: route.value.query[name] ?? '', onChange: (event) => setQuery({ [name]: event.currentTarget.value || null }) }),
  );

/** The models that there are, once they are asked for. */
function useModels() {
  const models = useSignal(/** @type {[string, string][]} */ ([]));
  useEffect(() => {
    api.get('/providers/').then(
      (found) => {
        const all = found.providers.flatMap((/** @type {any} */ each) => (Array.isArray(each.models) ? each.models : Object.values(each.models ?? {})));
        models.value = all.map((/** @type {any} */ each) => [each.id ?? each.model ?? each.name, each.title ?? each.name ?? each.id]);
      },
      () => {},
    );
  }, []);
  return models.value;
}

export function Filters() {
  const open = useSignal(FILTERS.some((name) => name !== 'q' && name !== 'starred' && route.value.query[name]));
  const { query } = route.value;
  const used = FILTERS.filter((name) => name !== 'q' && name !== 'starred' && query[name]).length;
  return search(
    { class: 'gallery-search' },
    div(
      { class: 'gallery-line' },
      icon('search'),
      h(Typed, { name: 'q', label: t('gallery.search'), class: 'gallery-words', type: 'search' }),
      h(Button, { text: t('gallery.starred'), icon: 'star', filled: !!query.starred, bare: true, pressed: !!query.starred, onClick: () => setQuery({ starred: query.starred ? null : 'true' }) }),
      h(Button, { text: t('gallery.filters'), icon: 'filter', expanded: open.value, pressed: used > 0, hint: used ? String(used) : '', class: 'gallery-more', onClick: () => (open.value = !open.value) }),
    ),
    open.value && h(Panel, {}),
  );
}

function Panel() {
  const models = useModels();
  return div(
    { class: 'gallery-panel' },
    h(Choice, { name: 'model', label: t('gallery.model'), choices: models }),
    h(Choice, { name: 'kind', label: t('gallery.kind'), choices: [['image', t('gallery.kind_image')], ['video', t('gallery.kind_video')], ['audio', t('gallery.kind_audio')]] }),
    h(Choice, { name: 'size', label: t('gallery.size'), choices: [['1k', t('gallery.size_1k')], ['2k', t('gallery.size_2k')], ['4k', t('gallery.size_4k')]] }),
    label({ class: 'gallery-choice' }, span(null, t('gallery.user')), h(Typed, { name: 'user_id', label: t('gallery.user'), class: '', type: 'text' })),
    h(Day, { name: 'from' }),
    h(Day, { name: 'to' }),
    h(Button, { text: t('ui.clear_filter'), kind: 'plain', onClick: clearFilter }),
  );
}
