/** The form of Create, as a model's schema makes it; nothing that is typed here is kept or sent. */

import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';

import { div, h } from '../../dom.js';
import { loaded, need } from '../../frame/places.js';
import { Skeleton } from '../../ui/skeleton.js';

/** @typedef {{ Widget: (props: any) => any, fieldsOf: (schema: any, pictures?: readonly string[]) => any[], hasEffect: (field: any, values: any) => boolean }} Parts */

/** @returns {Promise<Parts>} */
async function partsOfCreate() {
  const [widgets, schema] = await Promise.all([import('../create/widgets.js'), import('../create/schema.js')]);
  return { Widget: widgets.Widget, fieldsOf: schema.fieldsOf, hasEffect: schema.hasEffect };
}

/** @param {{ provider: any, model: any }} props */
export function Preview({ provider, model }) {
  const parts = useSignal(/** @type {Parts | null} */ (null));
  const values = useSignal(/** @type {Record<string, any>} */ ({}));
  useEffect(() => {
    need('places/create'); // its style and its texts
    partsOfCreate().then((found) => (parts.value = found));
  }, []);
  if (!parts.value || !loaded.value['places/create']) return h(Skeleton, { lines: 4 });
  const { Widget, fieldsOf, hasEffect } = parts.value;
  const fields = fieldsOf(model.parameters, provider.reference_fields).filter((field) => hasEffect(field, values.value));
  return div(
    { class: 's-preview' },
    fields.map((field) =>
      div(
        { key: field.name, class: 's-preview-field', 'data-field': field.name, inert: field.ui.widget === 'references' },
        h(Widget, {
          field, id: `preview-${field.name}`, value: values.value[field.name], error: null, sandbox: false, problems: {},
          set: (/** @type {any} */ value) => (values.value = { ...values.value, [field.name]: value }),
        }),
      ),
    ),
  );
}
