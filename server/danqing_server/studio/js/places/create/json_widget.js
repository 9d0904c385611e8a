/** Whatever has no control of its own, as JSON. */

import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';

import { h, textarea } from '../../dom.js';
import { t } from '../../i18n.js';
import { Button } from '../../ui/button.js';
import { Field, described } from '../../ui/field.js';
import { frameOf } from './models.js';

/** @param {unknown} value */
const textOf = (value) => (value === undefined ? '' : JSON.stringify(value, null, 1));

/** @param {import('./models.js').WidgetProps} props */
export default function JsonWidget(props) {
  const { field, value, set } = props;
  const text = useSignal(textOf(value));
  const wrong = useSignal('');
  const said = useRef(value);
  if (said.current !== value) {
    said.current = value; // not from here: it was reset, or taken over from a task
    text.value = textOf(value);
    wrong.value = '';
  }
  const ready = field.schema.const ?? field.schema.default ?? field.schema.examples?.[0];
  /** @param {string} written */
  const take = (written) => {
    text.value = written;
    said.current = undefined; // what is no JSON is not sent, nor what stood there before
    wrong.value = '';
    try {
      if (written.trim()) said.current = JSON.parse(written);
    } catch {
      wrong.value = t('create.no_json');
    }
    set(said.current);
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
