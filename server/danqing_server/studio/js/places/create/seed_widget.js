/** The seed: a number, or whatever comes. */

import { div, h, input } from '../../dom.js';
import { t } from '../../i18n.js';
import { Button } from '../../ui/button.js';
import { Field, described } from '../../ui/field.js';
import { frameOf, numberOf, useNumber } from './models.js';

/** @param {import('./models.js').WidgetProps} props */
export default function SeedWidget(props) {
  const { field, set } = props;
  const { maximum = 2 ** 31 - 1 } = numberOf(field.schema) ?? {};
  return h(
    Field,
    frameOf(props),
    div(
      { class: 'stepper' },
      input({
        ...described(frameOf(props)),
        ...useNumber(props),
        class: 'input', inputMode: 'numeric', autocomplete: 'off', placeholder: t('create.random'),
      }),
      h(Button, { text: t('create.draw'), icon: 'reuse', bare: true, onClick: () => set(Math.floor(Math.random() * Math.min(maximum, 2 ** 31 - 1))) }),
    ),
  );
}
