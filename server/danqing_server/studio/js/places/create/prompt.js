/** The prompt: its count, the prompts before it, and in the sandbox the words that make things go wrong. */

import { signal } from '@preact/signals';
import { useRef } from 'preact/hooks';

import { button, details, div, h, p, summary, textarea } from '../../dom.js';
import { number } from '../../format.js';
import { t } from '../../i18n.js';
import { keep, kept } from '../../kept.js';
import { isComposition } from '../../keys.js';
import { Menu } from '../../ui/button.js';
import { Field, described } from '../../ui/field.js';
import { frameOf } from './models.js';

const MOST_KEPT = 60;
const MOST_LISTED = 12;
const MAGIC = ['[sandbox:slow=5]', '[sandbox:429 x2]', '[sandbox:moderation x1]', '[sandbox:moderation-output=0]', '[sandbox:reset-after-billing x1]', '[sandbox:overdue]'];

/** @type {import('@preact/signals').Signal<string[]>} the youngest first */
const history = signal(read());

/** @returns {string[]} */
function read() {
  try {
    const found = JSON.parse(kept('prompts') ?? '[]');
    return Array.isArray(found) ? found.filter((each) => typeof each === 'string') : [];
  } catch {
    return [];
  }
}

/** @param {string} prompt was sent */
export function remember(prompt) {
  if (!prompt.trim()) return;
  history.value = [prompt, ...read().filter((each) => each !== prompt)].slice(0, MOST_KEPT);
  keep('prompts', JSON.stringify(history.value));
}

/** Three prompts to begin with. @param {(prompt: string) => void} onPick */
export const examples = (onPick) =>
  [0, 1, 2].map((each) => {
    const text = t(`create.example_${each}`);
    return button({ type: 'button', class: 'example', key: text, onClick: () => onPick(text) }, text);
  });

/** @param {import('./models.js').WidgetProps} props */
export function PromptField(props) {
  const { field, value, set, sandbox } = props;
  const text = String(value ?? '');
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const walk = useRef({ place: -1, own: '' });
  const main = field.name === 'prompt';
  const most = field.schema.maxLength;
  const count = [...text].length;

  /** @param {number} by */
  const back = (by) => {
    const { place, own } = walk.current;
    const next = Math.max(-1, Math.min(history.value.length - 1, place + by));
    walk.current = { place: next, own: place < 0 ? text : own };
    set(next < 0 ? walk.current.own : history.value[next]);
    requestAnimationFrame(() => area.current?.setSelectionRange(0, 0));
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (!main || isComposition(event) || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = area.current;
    const atStart = at?.selectionStart === 0 && at.selectionEnd === 0;
    if (event.key === 'ArrowUp' && atStart && history.value.length) back(1);
    else if (event.key === 'ArrowDown' && atStart && walk.current.place >= 0) back(-1);
    else return;
    event.preventDefault();
  };
  /** @param {string} added put where the caret is */
  const insert = (added) => {
    const at = area.current?.selectionEnd ?? text.length;
    const space = at && !/\s$/.test(text.slice(0, at)) ? ' ' : '';
    set(text.slice(0, at) + space + added + text.slice(at));
    area.current?.focus();
  };

  const frame = frameOf(props);
  const counted = most ? t('create.count_of', { count: number(count), most: number(most) }) : number(count);
  return h(
    Field,
    { ...frame, help: main ? field.ui.advice : frame.help, aside: counted },
    textarea({
      ...described({ ...frame, help: main ? field.ui.advice : frame.help }),
      ref: area,
      class: `input prompt${most && count > most ? ' over' : ''}`,
      rows: main ? 5 : 2,
      value: text,
      placeholder: main ? field.description : undefined,
      onInput: (event) => {
        walk.current.place = -1;
        set(event.currentTarget.value || undefined);
      },
      onKeyDown,
    }),
    main && !text && !history.value.length &&
      div(
        { class: 'first' },
        p({ class: 'field-help' }, t('create.begin')),
        div({ class: 'first-examples' }, examples((prompt) => {
          set(prompt);
          /** @type {HTMLElement | null} */ (document.querySelector('.paint'))?.focus(); // the prompt's keyboard would cover it
        })),
      ),
    main &&
      div(
        { class: 'prompt-foot' },
        history.value.length > 0 &&
          h(Menu, {
            button: { text: t('create.history'), kind: 'plain', hint: '↑' },
            items: history.value.slice(0, MOST_LISTED).map((each) => ({ text: each.length > 90 ? `${[...each].slice(0, 90).join('')}…` : each, onPick: () => set(each) })),
          }),
        sandbox &&
          details(
            { class: 'magic', onToggle: (event) => event.currentTarget.scrollIntoView({ block: 'nearest' }) },
            summary(null, t('create.magic')),
            div({ class: 'chips' }, MAGIC.map((word) => button({ type: 'button', class: 'chip', key: word, onClick: () => insert(word) }, word))),
          ),
      ),
  );
}
