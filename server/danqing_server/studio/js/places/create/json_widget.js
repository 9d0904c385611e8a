/** Whatever has no control of its own, as JSON. */

import { useSignal } from '@preact/signals';

import { h, textarea } from '../../dom.js';
import { t } from '../../i18n.js';
import { Button } from '../../ui/button.js';
import { Field, described } from '../../ui/field.js';
import { frameOf } from './models.js';

/** @param {import('./models.js').WidgetProps} props */
export default function JsonWidget(props) {
  const { field, value, set } = props;
  const text = useSignal(value === undefined ? '' : JSON.stringify(value, null, 1));
  const wrong = useSignal('');
  const ready = field.schema.const ?? field.schema.default ?? field.schema.examples?.[0];
  /** @param {string} written */
  const take = (written) => {
    text.value = written;
    try {
      set(written.trim() ? JSON.parse(written) : undefined);
      wrong.value = '';
    } catch {
      wrong.value = t('create.no_json');
    }
  };
  const frame = { ...frameOf(props), error: wrong.value || props.error, aside: frameOf(props).aside ?? 'JSON' };
  return h(
    Field,
    frame,
    textarea({
      ...described(frame),
      class: 'input code', rows: 2, spellcheck: false, value: text.value, placeholder: ready === undefined ? undefined : JSON.stringify(ready),
      onInput: (event) => take(event.currentTarget.value),
    }),
    ready !== undefined && !text.value && h(Button, { text: t('create.take_json'), kind: 'plain', onClick: () => take(JSON.stringify(ready)) }),
  );
}
