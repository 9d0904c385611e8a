/** Buttons. `kind`: `primary` is the one thing a place is for, `plain` has no border, `danger` destroys. */

import { useId, useRef } from 'preact/hooks';

import { a, button, div, h, span } from '../dom.js';
import { link } from '../router.js';
import { icon } from './icon.js';

/**
 * @typedef {object} ButtonProps
 * @property {string} text what it does; read out, and shown unless `bare`
 * @property {(event: MouseEvent) => void} [onClick]
 * @property {import('./icon.js').IconName} [icon]
 * @property {boolean} [filled] the icon's
 * @property {boolean} [bare] the icon alone is shown
 * @property {'normal' | 'primary' | 'plain' | 'danger'} [kind]
 * @property {'button' | 'submit'} [type]
 * @property {string} [form] the id of the form that it submits from outside
 * @property {boolean} [disabled]
 * @property {boolean} [busy] it is being done
 * @property {boolean} [pressed] of one that is on or off
 * @property {boolean} [expanded] of one that opens something
 * @property {string} [popover] the id of what it opens
 * @property {string} [href] makes it a link inside the studio
 * @property {string} [hint] a second, smaller text: a key
 * @property {string} [title]
 * @property {string} [class]
 */

/** @param {ButtonProps} props */
export function Button(props) {
  const { text, kind = 'normal', bare = false, busy = false } = props;
  const shared = {
    class: `button button-${kind}${bare ? ' button-bare' : ''}${props.class ? ` ${props.class}` : ''}`,
    'aria-label': bare ? text : undefined,
    title: props.title ?? (bare ? text : undefined),
  };
  const inside = [
    props.icon && icon(props.icon, { filled: props.filled }),
    !bare && span({ class: 'button-text' }, text),
    props.hint && span({ class: 'button-hint', 'aria-hidden': 'true' }, props.hint),
  ];
  if (props.href) return a({ ...shared, ...link(props.href) }, inside);
  return button(
    {
      ...shared,
      type: props.type ?? 'button',
      form: props.form,
      disabled: props.disabled,
      'aria-busy': busy || undefined,
      'aria-disabled': busy || undefined,
      'aria-pressed': props.pressed,
      'aria-expanded': props.expanded,
      popovertarget: props.popover,
      onClick: busy ? (event) => event.preventDefault() : props.onClick,
    },
    inside,
  );
}

/**
 * @typedef {object} Item
 * @property {string} text
 * @property {() => void} [onPick]
 * @property {string} [href] inside the studio
 * @property {import('./icon.js').IconName} [icon]
 * @property {boolean} [chosen] of one out of several
 * @property {boolean} [danger]
 */

/** @param {{ button: ButtonProps, items: readonly Item[], class?: string }} props */
export function Menu({ button: opener, items, class: name }) {
  const id = `menu-${useId()}`;
  const list = useRef(/** @type {HTMLDivElement | null} */ (null));
  const around = useRef(/** @type {HTMLDivElement | null} */ (null));
  /** @param {KeyboardEvent} event */
  const walk = (event) => {
    if (event.key === 'Tab') close();
    const all = [.../** @type {HTMLDivElement} */ (list.current).querySelectorAll('[role^=menuitem]')];
    const now = all.indexOf(/** @type {Element} */ (document.activeElement));
    const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    /** @type {HTMLElement} */ (all[(next + all.length) % all.length]).focus();
  };
  /** @param {{ newState: string }} event */
  const place = (event) => {
    if (event.newState !== 'open' || !list.current || !around.current) return;
    const from = around.current.getBoundingClientRect();
    const { style, offsetWidth, offsetHeight } = list.current;
    style.left = `${Math.max(8, Math.min(from.right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
    const below = from.bottom + 4;
    style.top = `${below + offsetHeight > innerHeight ? Math.max(8, from.top - offsetHeight - 4) : below}px`;
    const first = /** @type {HTMLElement | null} */ (list.current.querySelector('[aria-checked=true]') ?? list.current.querySelector('[role^=menuitem]'));
    first?.focus();
  };
  const close = () => list.current?.hidePopover();
  return div(
    { class: name ? `menu ${name}` : 'menu', ref: around },
    h(Button, { ...opener, popover: id }),
    div(
      { id, class: 'menu-list', popover: 'auto', role: 'menu', 'aria-label': opener.text, ref: list, onKeyDown: walk, onToggle: place },
      items.map((item) => {
        const shared = {
          class: `menu-item${item.danger ? ' menu-item-danger' : ''}`,
          role: /** @type {'menuitem' | 'menuitemradio'} */ (item.chosen === undefined ? 'menuitem' : 'menuitemradio'),
          'aria-checked': item.chosen,
          tabIndex: -1,
          key: item.text,
        };
        const inside = [
          item.chosen === undefined ? item.icon && icon(item.icon) : span({ class: 'menu-mark' }, item.chosen && icon('check')),
          span(null, item.text),
        ];
        if (item.href) {
          const { href, onClick } = link(item.href);
          return a({ ...shared, href, onClick: (event) => { onClick(event); close(); } }, inside);
        }
        return button({ ...shared, type: 'button', onClick: () => { close(); item.onPick?.(); } }, inside);
      }),
    ),
  );
}
