/** Webhooks: where the project’s events go, what was sent, every try, and sending again. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { api } from '../../api.js';
import { a, code, details, div, fieldset, h, input, label, legend, li, ol, p, section, span, strong, summary, ul } from '../../dom.js';
import { number } from '../../format.js';
import { has, t } from '../../i18n.js';
import { address, go, link, route, setQuery, withQuery } from '../../router.js';
import { may } from '../../session.js';
import { announce, notify } from '../../ui/announce.js';
import { useAct, useAsked, usePages } from '../../ui/asking.js';
import { Button, Menu } from '../../ui/button.js';
import { Confirm } from '../../ui/dialog.js';
import { SelectField, TextField } from '../../ui/field.js';
import { Empty, Problem, messageOf } from '../../ui/states.js';
import { Ago, Moment } from '../../ui/time.js';
import { FormDialog, Head, More, Secret, Shown } from './asking.js';

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
    FormDialog,
    { title: hook ? t('webhooks.edit') : t('webhooks.new'), made: !!hook, act, onClose },
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
  );
}

const STATES = /** @type {const} */ (['pending', 'delivered', 'failed']);
const MARKS = { pending: '○', delivered: '●', failed: '✕' };
const LOOK_MS = 1_500;
const CLAIM_MS = 65_000; // what is being sent is due again in a minute, in case its sender dies
const HOUR_S = 3600;

/** @typedef {'edit' | 'rotate' | 'delete' | 'resend'} Doing */

/** @param {{ id: string }} props */
export function Webhook({ id }) {
  const state = route.value.query.state ?? '';
  const asked = useAsked(() => api.get(`/webhooks/${id}`), [id]);
  const sent = usePages(`/webhooks/${id}/deliveries`, 'deliveries', { state });
  const doing = useSignal(/** @type {Doing | null} */ (null));
  const secret = useSignal(/** @type {string | null} */ (null));
  const close = () => (doing.value = null);
  const look = () => {
    close();
    asked.look();
    sent.look();
  };
  const waits = sent.data?.some((each) => each.state === 'pending' && Date.parse(each.due_at) < Date.now() + CLAIM_MS);
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setTimeout(sent.follow, LOOK_MS);
    return () => clearTimeout(timer);
  }, [sent.data]);
  /** @param {Promise<unknown>} act @param {string} told */
  const after = (act, told) => act.then(() => { announce(told); look(); }, (error) => notify(messageOf(error), { kind: 'wrong' }));
  const hook = asked.data;
  const ofTasks = hook && !hook.url;
  return section(
    null,
    a({ ...link(address('settings', {}, 'webhooks')), class: 's-part-back' }, t('webhooks.back')),
    h(Shown, { asked }, hook && h(
      Head,
      { title: ofTasks ? t('webhooks.of_tasks_title') : hook.description || hook.url, text: [h(Standing, { hook }), ' ', hook.events.join(' · ')] },
      !ofTasks && h(Button, { text: t('webhooks.test'), icon: 'play', onClick: () => after(api.post(`/webhooks/${id}/test`), t('webhooks.tested')) }),
      h(Menu, {
        button: { text: t('settings.actions_of', { name: hook.description || hook.url || id }), icon: 'more', bare: true, kind: 'plain' },
        items: [
          ...(ofTasks ? [] : [
            { text: t('settings.edit'), icon: /** @type {const} */ ('edit'), onPick: () => { doing.value = 'edit'; } },
            { text: t(hook.enabled ? 'webhooks.turn_off' : 'webhooks.turn_on'), icon: /** @type {'pause' | 'play'} */ (hook.enabled ? 'pause' : 'play'), onPick: () => { after(api.put(`/webhooks/${id}`, { enabled: !hook.enabled }), t('settings.saved')); } },
          ]),
          { text: t('webhooks.rotate'), icon: 'key', onPick: () => { doing.value = 'rotate'; } },
          { text: t('webhooks.resend_all'), icon: 'reuse', onPick: () => { doing.value = 'resend'; } },
          ...(ofTasks ? [] : [{ text: t('settings.delete'), icon: /** @type {const} */ ('trash'), danger: true, onPick: () => { doing.value = 'delete'; } }]),
        ],
      }),
    )),
    div({ class: 'chips', role: 'group', 'aria-label': t('webhooks.state') }, ['', ...STATES].map((each) =>
      a({ ...link(withQuery({ state: each || null })), key: each, class: 'chip', 'aria-current': each === state ? 'true' : undefined }, t(`delivery.${each || 'all'}`)))),
    h(Shown, { asked: sent },
      sent.data?.length
        ? ul({ class: 's-rows' }, sent.data.map((each) => h(Delivery, { key: each.id, found: each, onResend: () => after(api.post(`/webhooks/${id}/deliveries/${each.id}/resend`), t('webhooks.resent')) })))
        : p({ class: 's-part-text' }, t('webhooks.nothing_sent'), state && h(Button, { text: t('ui.clear_filter'), onClick: () => setQuery({ state: null }) })),
      h(More, { pages: sent })),
    doing.value === 'edit' && h(WebhookForm, { hook, onDone: look, onClose: close }),
    doing.value === 'rotate' && h(Rotate, { id, onClose: close, onDone: (found) => { look(); secret.value = found; } }),
    doing.value === 'resend' && h(Resend, { id, onClose: close, onDone: (n) => { look(); notify(t('webhooks.resent_n', { n })); } }),
    doing.value === 'delete' && h(Delete, { id, onClose: close }),
    secret.value && h(Secret, { title: t('webhooks.secret'), text: t('webhooks.secret_rotated'), secret: secret.value, onClose: () => (secret.value = null) }),
  );
}

/** @param {{ found: any, onResend: () => void }} props */
function Delivery({ found, onResend }) {
  const last = found.attempts.at(-1);
  const state = /** @type {keyof typeof MARKS} */ (found.state);
  return li(
    { class: 's-row' },
    div(
      { class: 's-row-main' },
      span({ class: `s-delivery s-delivery-${state}` }, span({ 'aria-hidden': 'true' }, MARKS[state]), ' ', t(`delivery.${state}`)),
      span({ class: 's-row-name' }, found.type),
      span({ class: 's-row-soft' }, h(Ago, { at: found.created_at })),
      found.task_id && may('read') && a({ ...link(withQuery({ task: found.task_id })), class: 's-row-soft' }, t('webhooks.task')),
      last && state !== 'delivered' && p({ class: 's-row-line' }, said(last), found.failed_because && ` · ${t(`delivery.because_${found.failed_because}`)}`,
        state === 'pending' && found.due_at && [' · ', t('delivery.again'), ' ', h(Ago, { at: found.due_at })]),
      found.attempts.length > 0 && details(
        { class: 's-attempts' },
        summary(null, t('delivery.attempts', { n: found.attempts.length })),
        ol(null, found.attempts.map((/** @type {any} */ each) =>
          li({ key: each.at }, h(Moment, { at: each.at }), ' ', said(each), ' · ', t('delivery.ms', { n: number(each.ms) }), each.answer && code({ class: 's-answer' }, each.answer)))),
      ),
    ),
    state !== 'pending' && h(Button, { text: t('webhooks.resend'), icon: 'reuse', onClick: onResend }),
  );
}

/** What came of a try, in words. @param {{ status: number | null, error: string | null }} attempt */
function said({ status, error }) {
  if (status !== null) return t('delivery.answered', { status: String(status) });
  return has(`delivery.error_${error}`) ? t(`delivery.error_${error}`) : String(error);
}

/** @param {{ id: string, onDone: (secret: string) => void, onClose: () => void }} props */
function Rotate({ id, onDone, onClose }) {
  const act = useAct(async () => onDone((await api.post(`/webhooks/${id}/rotate`, {})).secret));
  return h(Confirm, { title: t('webhooks.rotate'), text: t('webhooks.rotate_text'), action: t('webhooks.rotate'), busy: act.busy, onDo: act.run, onClose },
    act.error !== null && h(Problem, { error: act.error }));
}

/** @param {{ id: string, onDone: (count: number) => void, onClose: () => void }} props */
function Resend({ id, onDone, onClose }) {
  const hours = useSignal('24');
  const act = useAct(async () => {
    const since = new Date(Date.now() - Number(hours.value) * HOUR_S * 1000).toISOString();
    onDone((await api.post(`/webhooks/${id}/resend`, { since })).count);
  });
  return h(
    Confirm,
    { title: t('webhooks.resend_all'), text: t('webhooks.resend_text'), action: t('webhooks.resend'), busy: act.busy, onDo: act.run, onClose },
    h(SelectField, { id: 'resend-since', label: t('webhooks.since'), value: hours.value, onChange: (value) => (hours.value = value), choices: [['1', t('webhooks.since_hour')], ['24', t('webhooks.since_day')], ['168', t('webhooks.since_week')], ['336', t('webhooks.since_all')]] }),
    act.error !== null && h(Problem, { error: act.error }),
  );
}

/** @param {{ id: string, onClose: () => void }} props */
function Delete({ id, onClose }) {
  const act = useAct(async () => {
    await api.del(`/webhooks/${id}`);
    go(address('settings', {}, 'webhooks'));
  });
  return h(Confirm, { title: t('webhooks.delete'), text: t('webhooks.delete_text'), action: t('settings.delete'), danger: true, busy: act.busy, onDo: act.run, onClose },
    act.error !== null && h(Problem, { error: act.error }));
}
