/** Projects: who owns tasks, users and keys, and how much of each; the limits of both. */

import { useSignal } from '@preact/signals';

import { api } from '../../api.js';
import { a, code, details, div, h, li, p, section, span, strong, summary, ul } from '../../dom.js';
import { day, money, number } from '../../format.js';
import { t } from '../../i18n.js';
import { address, link } from '../../router.js';
import { notify } from '../../ui/announce.js';
import { useAct, usePages } from '../../ui/asking.js';
import { Button, Menu } from '../../ui/button.js';
import { Confirm } from '../../ui/dialog.js';
import { TextField } from '../../ui/field.js';
import { Empty, Problem, messageOf } from '../../ui/states.js';
import { FormDialog, Head, More, Shown } from './asking.js';

/** @typedef {import('../../types/api.d.ts').LimitsFields} Limits */
/** @typedef {Record<string, string>} Written as it stands in the form */

const AMOUNTS = /** @type {const} */ (['spend_per_day', 'spend_per_month']);
const COUNTS = /** @type {const} */ (['requests_per_minute', 'pictures_in_flight', 'waiting_tasks']);
const LISTS = /** @type {const} */ (['models', 'addresses']);

/** @param {Limits} limits @returns {Written} */
export function written(limits) {
  /** @type {Written} */
  const found = {};
  for (const name of AMOUNTS) found[name] = Object.entries(limits[name] ?? {}).map(([currency, amount]) => `${amount} ${currency}`).join(', ');
  for (const name of COUNTS) found[name] = limits[name]?.toString() ?? '';
  for (const name of LISTS) found[name] = (limits[name] ?? []).join(', ');
  found.expires_at = limits.expires_at?.slice(0, 10) ?? '';
  return found;
}

/** What is wrong is left to the server, which names the field. @param {Written} form @param {Limits} [before] */
export function read(form, before = {}) {
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const name of AMOUNTS) if (form[name]?.trim()) found[name] = amountsOf(form[name]);
  for (const name of COUNTS) if (form[name]?.trim()) found[name] = /^\d+$/.test(form[name].trim()) ? Number(form[name]) : form[name].trim();
  for (const name of LISTS) {
    if (form[name]?.trim()) found[name] = words(form[name]);
    else if (before[name]?.length === 0) found[name] = []; // none at all, which looks in the form like no limit
  }
  if (form.expires_at) found.expires_at = form.expires_at === before.expires_at?.slice(0, 10) ? before.expires_at : `${form.expires_at}T00:00:00Z`;
  return found;
}

/** @param {string} text */
const words = (text) => text.split(/[,，、\n]+/).map((each) => each.trim()).filter(Boolean);

/** @param {string} text what 1,000 means is not guessed: as two amounts it would be a limit of nothing @returns {Record<string, string>} */
const amountsOf = (text) => (/\d[,，]\d/.test(text) ? { CNY: text.trim() } : Object.fromEntries(words(text).map(amountOf)));

/** @param {string} text as `100 CNY` or `CNY 100`; without a currency CNY is meant @returns {[string, string]} */
function amountOf(text) {
  const amount = text.match(/[\d.]+/)?.[0] ?? text;
  return [text.replace(amount, '').trim().toUpperCase() || 'CNY', amount];
}

/** @param {{ form: Written, set: (name: string, value: string) => void, wrong: (field: string) => string | null, open?: boolean }} props */
export function LimitFields({ form, set, wrong, open = false }) {
  /** @param {string} name @param {Partial<Parameters<typeof TextField>[0]>} [more] */
  const field = (name, more = {}) =>
    h(TextField, {
      id: `limit-${name}`, label: t(`limit.${name}`), value: form[name] ?? '', onInput: (value) => set(name, value),
      error: wrong(`limits.${name}`), autocomplete: 'off', key: name, ...more,
    });
  return details(
    { class: 's-limits', open },
    summary(null, t('limit.title')),
    div(
      { class: 's-limit-fields' },
      AMOUNTS.map((name) => field(name, { placeholder: '100 CNY' })),
      COUNTS.map((name) => field(name, { inputmode: 'numeric' })),
      field('models', { placeholder: 'doubao-*', help: t('limit.models_help') }),
      field('addresses', { placeholder: '10.0.0.0/8' }),
      field('expires_at', { type: 'date', help: t('limit.expires_at_help') }),
    ),
  );
}

/** @param {Limits} limits @returns {string[]} a phrase for each limit that there is */
export function phrases(limits) {
  const found = [];
  for (const name of AMOUNTS) {
    for (const [currency, amount] of Object.entries(limits[name] ?? {})) found.push(t(`limit.${name}_is`, { amount: money(amount, currency) }));
  }
  for (const name of COUNTS) {
    const most = limits[name];
    if (most !== null && most !== undefined) found.push(t(`limit.${name}_is`, { n: number(most) }));
  }
  if (limits.models) found.push(t('limit.models_is', { names: limits.models.join(', ') || '–' }));
  if (limits.addresses) found.push(t('limit.addresses_is', { names: limits.addresses.join(', ') || '–' }));
  if (limits.expires_at) found.push(t('limit.expires_at_is', { day: day(limits.expires_at) }));
  return found;
}

export function Projects() {
  const asked = usePages('/projects', 'projects');
  const doing = useSignal(/** @type {{ what: 'new' | 'edit' | 'archive', project?: any } | null} */ (null));
  const close = () => (doing.value = null);
  const done = () => {
    close();
    asked.look();
  };
  /** @param {any} project */
  const restore = (project) => api.post(`/projects/${project.id}/restore`).then(done, (error) => notify(messageOf(error), { kind: 'wrong' }));
  const now = doing.value;
  return section(
    null,
    h(Head, { title: t('settings.projects'), text: t('projects.about') }, h(Button, { text: t('projects.new'), icon: 'plus', kind: 'primary', onClick: () => (doing.value = { what: 'new' }) })),
    h(Shown, { asked },
      asked.data?.length
        ? ul({ class: 's-rows' }, asked.data.map((each) => h(Row, { key: each.id, project: each, onRestore: () => restore(each), onDo: (what) => (doing.value = { what, project: each }) })))
        : h(Empty, { title: t('projects.none'), text: t('projects.none_text') }),
      h(More, { pages: asked })),
    (now?.what === 'new' || now?.what === 'edit') && h(ProjectForm, { project: now.project, onDone: done, onClose: close }),
    now?.what === 'archive' && h(Archive, { project: now.project, onDone: done, onClose: close }),
  );
}

/** @param {{ project: any, onDo: (what: 'edit' | 'archive') => void, onRestore: () => void }} props */
function Row({ project, onDo, onRestore }) {
  const bounds = phrases(project.limits);
  return li(
    { class: project.archived_at ? 's-row s-row-over' : 's-row' },
    div(
      { class: 's-row-main' },
      strong(null, project.name),
      project.archived_at && span({ class: 's-row-tag s-row-tag-bad' }, t('projects.archived')),
      p({ class: 's-row-line' }, code(null, project.id)),
      p({ class: 's-row-line' }, bounds.join(' · ') || t('limit.none'), ' · ', a({ ...link(address('settings', { project: project.id }, 'keys')) }, t('projects.keys'))),
    ),
    h(Menu, {
      button: { text: t('settings.actions_of', { name: project.name }), icon: 'more', bare: true, kind: 'plain' },
      items: [
        { text: t('settings.edit'), icon: 'edit', onPick: () => onDo('edit') },
        project.archived_at
          ? { text: t('projects.restore'), icon: 'reuse', onPick: onRestore }
          : { text: t('projects.archive'), icon: 'trash', danger: true, onPick: () => onDo('archive') },
      ],
    }),
  );
}

/** @param {{ project?: any, onDone: () => void, onClose: () => void }} props */
function ProjectForm({ project, onDone, onClose }) {
  const name = useSignal(project?.name ?? '');
  const limits = useSignal(written(project?.limits ?? {}));
  const act = useAct(async () => {
    const said = { name: name.value, limits: read(limits.value, project?.limits) };
    await (project ? api.put(`/projects/${project.id}`, said) : api.post('/projects', said));
    onDone();
  });
  return h(
    FormDialog,
    { title: project ? t('settings.edit_of', { name: project.name }) : t('projects.new'), made: !!project, act, onClose },
    h(TextField, { id: 'project-name', label: t('settings.name'), value: name.value, onInput: (value) => (name.value = value), error: act.wrong('name'), autocomplete: 'off' }),
    h(LimitFields, { form: limits.value, set: (field, value) => (limits.value = { ...limits.value, [field]: value }), wrong: act.wrong, open: true }),
  );
}

/** @param {{ project: any, onDone: () => void, onClose: () => void }} props */
function Archive({ project, onDone, onClose }) {
  const act = useAct(async () => {
    await api.post(`/projects/${project.id}/archive`);
    onDone();
  });
  return h(
    Confirm,
    { title: t('projects.archive_of', { name: project.name }), text: t('projects.archive_text'), action: t('projects.archive'), danger: true, busy: act.busy, onDo: act.run, onClose },
    act.error !== null && h(Problem, { error: act.error }),
  );
}
