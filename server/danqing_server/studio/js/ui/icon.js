/** Icons, drawn with one pen: 20 × 20, strokes of 1.5, in the colour of the text. They say nothing by themselves. */

import { path, svg } from '../dom.js';

const STROKES = {
  arrow_left: 'M16 10H4M9 5l-5 5 5 5',
  arrow_right: 'M4 10h12M11 5l5 5-5 5',
  arrow_up: 'M10 16V4M5 9l5-5 5 5',
  check: 'M4 10.5l4 4 8-9',
  chevron_down: 'M5 8l5 5 5-5',
  chevron_right: 'M8 5l5 5-5 5',
  close: 'M5 5l10 10M15 5L5 15',
  compare: 'M10 3v14M3 5h5v10H3zM12 5h5v10h-5z',
  copy: 'M7 7h9v9H7zM4 13V4h9',
  costs: 'M5 4l5 6 5-6M5 11h10M5 14h10M10 10v7',
  create: 'M4 16c3 0 4-1 4-3a2 2 0 0 1 2-2M8.500 11.500L15 4l1.500 1.500L10 13',
  download: 'M10 3v9M6 9l4 4 4-4M4 16h12',
  edit: 'M4 16l1-4 8-8 3 3-8 8z',
  external: 'M8 5H4v11h11v-4M11 4h5v5M16 4l-8 8',
  eye: 'M2.500 10S5.500 5 10 5s7.500 5 7.500 5-3 5-7.500 5-7.500-5-7.500-5zM10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4',
  filter: 'M3 5h14M6 10h8M8.500 15h3',
  gallery: 'M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 3M13 7.500h.01',
  help: 'M7.500 7.500a2.500 2.500 0 1 1 3.500 2.300c-.7.3-1 .8-1 1.500v.7M10 15h.01',
  image: 'M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 3',
  info: 'M10 9v5M10 6h.01M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14',
  key: 'M12.500 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8M9.500 10L4 15.500V17h2v-2h2v-2',
  menu: 'M3 5h14M3 10h14M3 15h14',
  minus: 'M4 10h12',
  moon: 'M16 12a6.500 6.500 0 0 1-8-8 6.500 6.500 0 1 0 8 8z',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  pause: 'M7 4v12M13 4v12',
  play: 'M6 4l10 6-10 6z',
  plus: 'M10 4v12M4 10h12',
  queue: 'M4 5h12M4 10h12M4 15h7',
  reuse: 'M4 9a6 6 0 0 1 10.500-3L16 8M16 4v4h-4M16 11a6 6 0 0 1-10.500 3L4 12M4 16v-4h4',
  search: 'M9 3.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11M13 13l4 4',
  settings: 'M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4',
  sound: 'M4 8v4h3l4 3V5L7 8zM14 7.500a4 4 0 0 1 0 5',
  star: 'M10 3l2.200 4.600 5 .7-3.600 3.500.9 5-4.500-2.400-4.500 2.400.9-5L2.800 8.300l5-.7z',
  sun: 'M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7M10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1 1M14.700 14.700l1 1M4.300 15.700l1-1M14.700 5.300l1-1',
  tasks: 'M3 5l1.500 1.500L7 4M3 11l1.500 1.500L7 10M10 5.500h7M10 11.500h7M3 16h.01M10 16h7',
  trash: 'M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6',
  upload: 'M10 13V4M6 8l4-4 4 4M4 16h12',
  user: 'M10 4a3 3 0 1 0 0 6 3 3 0 0 0 0-6M4 17a6 6 0 0 1 12 0',
  warning: 'M10 3.500l7.500 13h-15zM10 8.500v3.500M10 14.300h.01',
};

/** @typedef {keyof typeof STROKES} IconName */

/**
 * @param {IconName} name
 * @param {{ filled?: boolean }} [options]
 */
export const icon = (name, { filled = false } = {}) =>
  svg(
    { class: filled ? 'icon icon-filled' : 'icon', viewBox: '0 0 20 20', 'aria-hidden': 'true', focusable: 'false' },
    path({ d: STROKES[name] }),
  );
