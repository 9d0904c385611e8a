/** Buttons. `kind`: `primary` is the one thing a place is for, `plain` has no border, `danger` destroys. */

import { a, button, span } from '../dom.js';
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
