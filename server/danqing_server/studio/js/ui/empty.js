/** A place, or a list, with nothing in it: what would be here, and the one thing to do about it. */

import { div, p } from '../dom.js';

/** @param {{ title: string, text?: string, action?: import('preact').ComponentChildren, children?: import('preact').ComponentChildren }} props */
export const Empty = ({ title, text, action, children }) =>
  div(
    { class: 'empty' },
    div({ class: 'empty-brush', 'aria-hidden': 'true' }),
    p({ class: 'empty-title' }, title),
    text && p({ class: 'empty-text' }, text),
    action,
    children,
  );
