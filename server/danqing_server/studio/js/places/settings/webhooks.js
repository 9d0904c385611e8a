/** Webhooks: where the project's events go. */

import { useSignal } from '@preact/signals';

import { api } from '../../api.js';
import { a, div, fieldset, form, h, input, label, legend, li, p, section, span, strong, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { address, go, link } from '../../router.js';
import { Button } from '../../ui/button.js';
import { Dialog } from '../../ui/dialog.js';
import { Empty } from '../../ui/empty.js';
import { TextField } from '../../ui/field.js';
import { Problem } from '../../ui/problem.js';
import { Ago } from '../../ui/time.js';
import { Shown, useAct, useAsked } from './asking.js';
import { Head } from './head.js';
import { Secret } from './secret.js';
import { Webhook } from './webhook.js';

const EVENTS = /** @type {const} */ (['task.completed', 'task.failed', 'task.cancelled', 'task.created', 'task.started', 'budget.warning', 'webhook.disabled']);
const USUAL = EVENTS.slice(0, 3);

/** @param {{ rest: string }} props */
export const Webhooks = ({ rest }) => (rest ? h(Webhook, { id: rest, key: rest }) : h(List, {}));

function List() {
  const asked = useAsked(async () => (await api.get('/webhooks')).webhooks);
  const making = useSignal(false);
  const made = useSignal(/** @type {any} */ (null));
  return section(
    null,
    h(Head, { title: t('settings.webhooks'), text: t('webhooks.about') }, h(Button, { text: t('webhooks.new'), icon: 'plus', kind: 'primary', onClick: () => (making.value = true) })),
    h(Shown, { asked }, asked.data?.length
      ? ul({ class: 's-rows' }, asked.data.map((/** @type {any} */ each) => h(Row, { key: each.id, hook: each })))
      : h(Empty, { title: t('webhooks.none'), text: t('webhooks.none_text') })),
    p({ class: 's-part-text' }, t('webhooks.of_tasks'), ' ', a({ ...link(address('settings', {}, 'webhooks/tasks')) }, t('webhooks.of_tasks_link'))),
    making.value && h(WebhookForm, { onClose: () => (making.value = false), onDone: (hook) => { making.value = false; made.value = hook; asked.look(); } }),
    made.value && h(Secret, { title: t('webhooks.secret'), text: t('webhooks.secret_text'), secret: made.value.secret, onClose: () => go(address('settings', {}, `webhooks/${made.value.id}`)) }),
  );
}

/** How a webhook stands, in a word. @param {{ hook: any }} props */
export const Standing = ({ hook }) =>
  span({ class: `s-row-tag ${hook.enabled ? 's-row-tag-good' : 's-row-tag-bad'}` }, hook.enabled ? t('webhooks.on') : t(`webhooks.off_${hook.disabled_because ?? 'by_hand'}`));

/** @param {{ hook: any }} props */
const Row = ({ hook }) =>
  li(
    { class: hook.enabled ? 's-row' : 's-row s-row-over' },
    div(
      { class: 's-row-main' },
      a({ ...link(address('settings', {}, `webhooks/${hook.id}`)), class: 's-row-name' }, strong(null, hook.description || hook.url)),
      h(Standing, { hook }),
      hook.description && p({ class: 's-row-line' }, hook.url),
      p({ class: 's-row-line' }, hook.events.join(' · ')),
      p({ class: 's-row-line' }, hook.last_success_at ? [t('webhooks.last_success'), ' ', h(Ago, { at: hook.last_success_at })] : t('webhooks.no_success')),
    ),
  );

/** @param {{ hook?: any, onDone: (hook: any) => void, onClose: () => void }} props */
export function WebhookForm({ hook, onDone, onClose }) {
  const url = useSignal(hook?.url ?? '');
  const description = useSignal(hook?.description ?? '');
  const events = useSignal(/** @type {string[]} */ (hook?.events ?? [...USUAL]));
  const act = useAct(async () => {
    const said = { url: url.value.trim(), description: description.value, events: events.value };
    onDone(hook ? await api.put(`/webhooks/${hook.id}`, said) : await api.post('/webhooks', said));
  });
  const listed = [...new Set([...EVENTS, ...events.value])];
  return h(
    Dialog,
    {
      title: hook ? t('webhooks.edit') : t('webhooks.new'), onClose,
      actions: [h(Button, { text: t('ui.cancel'), onClick: onClose }), h(Button, { text: hook ? t('settings.save') : t('settings.create'), kind: 'primary', busy: act.busy, onClick: act.run })],
    },
    form(
      { class: 's-form', onSubmit: (event) => { event.preventDefault(); act.run(); } },
      h(TextField, { id: 'webhook-url', label: t('webhooks.url'), type: 'url', inputmode: 'url', placeholder: 'https://', value: url.value, onInput: (value) => (url.value = value), help: t('webhooks.url_help'), error: act.wrong('url'), autocomplete: 'off' }),
      h(TextField, { id: 'webhook-description', label: t('webhooks.description'), optional: true, value: description.value, onInput: (value) => (description.value = value), error: act.wrong('description'), autocomplete: 'off' }),
      fieldset(
        { class: 's-choices' },
        legend(null, t('webhooks.events')),
        listed.map((each) =>
          label({ class: 's-choice', key: each },
            input({ type: 'checkbox', checked: events.value.includes(each), onChange: (event) => (events.value = listed.filter((one) => (one === each ? event.currentTarget.checked : events.value.includes(one)))) }),
            span(null, each)),
        ),
        act.wrong('events') && p({ class: 'field-error' }, act.wrong('events')),
      ),
      act.error !== null && h(Problem, { error: act.error }),
    ),
  );
}
