/** The head of a part: its name, what it is for, and its one action. */

import { div, h2, p } from '../../dom.js';

/** @param {{ title: import('preact').ComponentChildren, text?: import('preact').ComponentChildren, children?: import('preact').ComponentChildren }} props */
export const Head = ({ title, text, children }) =>
  div({ class: 's-part-head' }, div({ class: 's-part-title' }, h2(null, title), text && p({ class: 's-part-text' }, text)), children);
