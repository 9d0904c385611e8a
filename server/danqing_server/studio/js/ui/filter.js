/** Parts of a filter whose truth is the address: a line that is typed, a choice, a day. */

import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

import { api } from '../api.js';
import { input, label, option, select, span } from '../dom.js';
import { t } from '../i18n.js';
import { bind, isComposing, isComposition } from '../keys.js';
import { route, setQuery } from '../router.js';

const TYPED_MS = 300;

/** What the address says of these. @param {readonly string[]} names @returns {Record<string, string>} */
export const filterOf = (names) => Object.fromEntries(Object.entries(route.value.query).filter(([name, value]) => value && names.includes(name)));

/** @param {readonly string[]} names */
export const clear = (names) => setQuery(Object.fromEntries(names.map((name) => [name, null])));

/**
 * A field that the address follows a moment after what is typed. *slash*: the key `/` leads here.
 *
 * @param {{ name: string, label: string, class?: string, type?: 'search' | 'text', most?: number, slash?: boolean }} props
 */
export function Typed({ name, label: text, class: kind = '', type = 'text', most = 128, slash = false }) {
  const typed = useSignal(/** @type {string | null} */ (null));
  const timer = useRef(0);
  const box = useRef(/** @type {HTMLInputElement | null} */ (null));
  useLayoutEffect(() => (slash ? bind('search', { '/': [() => box.current?.focus(), 'ui.search'] }) : undefined), []);
  const there = route.value.query[name] ?? '';
  const value = typed.value !== null && (timer.current || typed.value.trim() === there) ? typed.value : there; // a space may be the beginning of a word
  const settle = () => {
    clearTimeout(timer.current);
    timer.current = isComposing() ? setTimeout(settle, TYPED_MS) : 0;
    if (!timer.current && typed.value !== null) setQuery({ [name]: typed.value.trim() || null }, { replace: true });
  };
  return input({
    ref: box, class: `input ${kind}`, type, value, 'aria-label': text, placeholder: text, spellcheck: false, autocomplete: 'off', maxLength: most,
    onInput: (event) => {
      typed.value = event.currentTarget.value;
      clearTimeout(timer.current);
      timer.current = setTimeout(settle, TYPED_MS);
    },
    onBlur: () => {
      settle();
      typed.value = null;
    },
    onKeyDown: (event) => {
      if (event.key === 'Enter' && !isComposition(event)) settle();
    },
  });
}

/** @param {{ label: string, children?: import('preact').ComponentChildren }} props */
export const Filter = ({ label: text, children }) => label({ class: 'filter' }, span(null, text), children);

/** One of several, or none; what the address says and nobody knows is one, too. @param {{ name: string, label: string, choices: [string, string][] }} props */
export function Choice({ name, label: text, choices }) {
  const value = route.value.query[name] ?? '';
  const known = choices.some(([each]) => each === value) ? choices : [...choices, /** @type {[string, string]} */ ([value, value])];
  return Filter({
    label: text,
    children: select(
      { class: 'input select', value, onChange: (event) => setQuery({ [name]: event.currentTarget.value || null }) },
      option({ value: '' }, t('ui.any')),
      known.filter(([each]) => each).map(([each, shown]) => option({ value: each, key: each, selected: each === value }, shown)),
    ),
  });
}

/** @param {{ name: 'from' | 'to' }} props */
export const Day = ({ name }) =>
  Filter({
    label: t(`ui.${name}`),
    children: input({ class: 'input', type: 'date', value: route.value.query[name] ?? '', onChange: (event) => setQuery({ [name]: event.currentTarget.value || null }) }),
  });

/** The models that there are, by id with their titles, once they are asked for. */
export function useModels() {
  const models = useSignal(/** @type {[string, string][]} */ ([]));
  useEffect(() => {
    api.get('/providers/').then(
      (found) => {
        const all = found.providers.flatMap((/** @type {any} */ each) => each.models);
        models.value = [...new Map(all.map((/** @type {any} */ each) => [each.id, each.title]))]; // two providers may have the same
      },
      () => {},
    );
  }, []);
  return models.value;
}
