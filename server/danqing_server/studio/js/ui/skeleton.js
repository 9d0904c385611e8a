/** The shape of what is on its way, seen only once it takes longer than a moment (150 ms, in CSS). */

import { div, span } from '../dom.js';
import { t } from '../i18n.js';

/** @param {{ lines?: number, tiles?: number }} props */
export const Skeleton = ({ lines = 0, tiles = 0 }) =>
  div(
    { class: 'skeleton', role: 'status' },
    span({ class: 'unseen' }, t('ui.loading')),
    Array.from({ length: lines }, (_, each) => div({ class: 'skeleton-line', key: `l${each}` })),
    tiles > 0 && div({ class: 'skeleton-tiles' }, Array.from({ length: tiles }, (_, each) => div({ class: 'skeleton-tile', key: `t${each}` }))),
  );
