/** Two pictures against each other: one over the other behind a border that moves, or side by side. */

import { signal } from '@preact/signals';

import { div, figcaption, figure, h, img, input } from '../dom.js';
import { t } from '../i18n.js';
import { Segments } from '../ui/field.js';
import { thumbOf } from '../ui/thumb.js';

/** @typedef {import('../pictures/store.js').Picture} Picture */

const way = signal(/** @type {'slider' | 'side'} */ ('slider'));
const border = signal(50);

/** Of a film its first picture. @param {Picture} row */
const sourceOf = ({ kind, path }) => (kind === 'video' ? thumbOf(path, 1024) : path);

/** @param {{ one: Picture, two: Picture }} props */
export function Compare({ one, two }) {
  const first = t('viewer.one', { prompt: one.prompt || t('pictures.none') });
  const second = t('viewer.two', { prompt: two.prompt || t('pictures.none') });
  const choices = /** @type {const} */ ([['slider', t('viewer.slider')], ['side', t('viewer.side')]]);
  return div(
    { class: `compare compare-${way.value}` },
    way.value === 'side'
      ? div({ class: 'compare-pair' }, h(Figure, { row: one, alt: first }), h(Figure, { row: two, alt: second }))
      : div(
          { class: 'compare-over' },
          img({ class: 'compare-picture', src: sourceOf(two), alt: second, draggable: false }),
          img({ class: 'compare-picture', src: sourceOf(one), alt: first, draggable: false, style: { clipPath: `inset(0 ${100 - border.value}% 0 0)` } }),
          div({ class: 'compare-line', style: { left: `${border.value}%` }, 'aria-hidden': 'true' }),
          input({
            class: 'compare-range', type: 'range', min: 0, max: 100, step: 0.5, value: border.value, 'aria-label': t('viewer.border'),
            onInput: (event) => (border.value = Number(event.currentTarget.value)),
            onKeyDown: (event) => event.stopPropagation(),
          }),
        ),
    h(Segments, { label: t('viewer.way'), name: 'compare-way', value: way.value, choices, onChange: (/** @type {'slider' | 'side'} */ value) => (way.value = value) }),
  );
}

/** @param {{ row: Picture, alt: string }} props */
const Figure = ({ row, alt }) => figure(null, img({ class: 'compare-picture', src: sourceOf(row), alt }), figcaption(null, row.model));
