/** Keys: who may ask, for what, how much, and when it was last used. */

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { api } from '../../api.js';
import { code, div, fieldset, h, input, label, legend, li, p, section, span, strong, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { route, setQuery } from '../../router.js';
import { makeFirst, me } from '../../session.js';
import { useAct, useAsked, usePages } from '../../ui/asking.js';
import { Button, Menu } from '../../ui/button.js';
import { Confirm } from '../../ui/dialog.js';
import { SelectField, TextField } from '../../ui/field.js';
import { Empty, Problem } from '../../ui/states.js';
import { Ago } from '../../ui/time.js';
import { FormDialog, Head, More, Secret, Shown } from './asking.js';
import { LimitFields, phrases, read, written } from './projects.js';

const SCOPES = /** @type {const} */ (['generate', 'read', 'webhooks', 'usage', 'admin']);
const DAY_S = 86_400;

/** What a key of *project* may do unless one chooses; '': of the administration. @param {string} project */
const usual = (project) => (project ? SCOPES.filter((each) => each !== 'admin') : ['read', 'usage', 'admin']);

/** @typedef {{ what: 'new' | 'edit' | 'rotate' | 'revoke', key?: any }} Doing */

export function Keys() {
  const project = route.value.query.project ?? '';
  const asked = usePages('/keys', 'keys', { project });
  const projects = usePages('/projects', 'projects');
  useEffect(() => void projects.further?.(), [projects.data?.length]); // all of them: a key may be any one's
  const doing = useSignal(/** @type {Doing | null} */ (null));
  const shown = useSignal(/** @type {{ key: any, secret: string, isIn?: boolean } | null} */ (null));
  const goOn = useRef(/** @type {(() => void) | null} */ (null)); // with the first key, once its secret is kept
  useEffect(() => () => goOn.current?.(), []);
  const done = (/** @type {any} */ made) => {
    doing.value = null;
    if (made?.secret) shown.value = made;
    if (!goOn.current) asked.look();
  };
  const close = () => (doing.value = null);
  const keptSecret = () => {
    shown.value = null;
    if (!goOn.current) return;
    goOn.current();
    goOn.current = null;
    asked.look();
  };
  /** @param {string} id */
  const nameOf = (id) => (id === '(admin)' ? t('keys.administration') : (projects.data?.find((each) => each.id === id)?.name ?? id));
  const now = doing.value;
  return section(
    null,
    h(Head, { title: t('settings.keys'), text: t('keys.about') }, h(Button, { text: t('keys.new'), icon: 'plus', kind: 'primary', onClick: () => (doing.value = { what: 'new' }) })),
    !!projects.data?.length && div({ class: 's-part-filter' }, h(SelectField, {
      id: 'keys-project', label: t('keys.project'), value: project,
      choices: [['', t('keys.every_project')], ...projects.data.map((each) => /** @type {const} */ ([each.id, each.name]))],
      onChange: (value) => setQuery({ project: value || null }),
    })),
    h(Shown, { asked },
      asked.data?.length
        ? ul({ class: 's-rows' }, asked.data.map((each) => h(Row, { key: each.id, found: each, project: nameOf(each.project), onDo: (what) => (doing.value = { what, key: each }) })))
        : h(Empty, { title: t('keys.none'), text: t('keys.none_text') }),
      h(More, { pages: asked })),
    (now?.what === 'new' || now?.what === 'edit') && h(KeyForm, { found: now.key, projects: projects.data ?? [], project, onDone: done, onFirst: (then) => (goOn.current = then), onClose: close }),
    now?.what === 'rotate' && h(Rotate, { found: now.key, onDone: done, onClose: close }),
    now?.what === 'revoke' && h(Revoke, { found: now.key, onDone: done, onClose: close }),
    shown.value && h(Secret, { title: t('keys.secret', { name: shown.value.key.name }), text: t('keys.secret_text'), more: shown.value.isIn && [t('keys.secret_in'), shown.value.key.scopes.includes('admin') && t('keys.secret_next')], secret: shown.value.secret, onClose: keptSecret }),
  );
}

/** @param {{ found: any, project: string, onDo: (what: Doing['what']) => void }} props */
function Row({ found, project, onDo }) {
  const alive = found.state !== 'revoked';
  const bounds = phrases(found.limits);
  return li(
    { class: alive && found.state === 'active' ? 's-row' : 's-row s-row-over' },
    div(
      { class: 's-row-main' },
      strong(null, found.name),
      span({ class: 's-row-tag' }, project),
      found.state !== 'active' && span({ class: 's-row-tag s-row-tag-bad' }, t(`keys.${found.state}`)),
      p({ class: 's-row-line' }, code(null, found.secrets[0]?.shown ?? ''), ' · ', found.scopes.map((/** @type {string} */ each) => t(`scope.${each}`)).join(t('settings.and'))),
      p({ class: 's-row-line' }, found.last_used_at ? [t('keys.used'), ' ', h(Ago, { at: found.last_used_at })] : t('keys.never_used'), bounds.length > 0 && ` · ${bounds.join(' · ')}`),
      found.secrets[1]?.good_until && alive && p({ class: 's-row-line' }, t('keys.old_good'), ' ', h(Ago, { at: found.secrets[1].good_until })),
    ),
    alive && h(Menu, {
      button: { text: t('settings.actions_of', { name: found.name }), icon: 'more', bare: true, kind: 'plain' },
      items: [
        { text: t('settings.edit'), icon: 'edit', onPick: () => onDo('edit') },
        { text: t('keys.rotate'), icon: 'reuse', onPick: () => onDo('rotate') },
        { text: t('keys.revoke'), icon: 'trash', danger: true, onPick: () => onDo('revoke') },
      ],
    }),
  );
}

/** @param {{ found?: any, projects: any[], project: string, onDone: (made: unknown) => void, onFirst: (goOn: () => void) => void, onClose: () => void }} props */
function KeyForm({ found, projects, project, onDone, onFirst, onClose }) {
  const first = !me.value?.needs_key;
  const name = useSignal(found?.name ?? '');
  const owner = useSignal(found?.project ?? (project || (first ? '' : projects[0]?.id) || ''));
  const scopes = useSignal(/** @type {string[]} */ (found?.scopes ?? usual(owner.value)));
  const limits = useSignal(written(found?.limits ?? {}));
  const act = useAct(async () => {
    const said = { name: name.value, scopes: scopes.value, limits: read(limits.value, found?.limits) };
    if (found) return onDone(await api.put(`/keys/${found.id}`, said));
    const make = () => api.post('/keys', { ...said, project: owner.value || null });
    if (!first) return onDone(await make());
    const { made, isIn, goOn } = await makeFirst(make);
    onFirst(goOn);
    onDone({ ...made, isIn });
  });
  /** @param {string} scope @param {boolean} on */
  const choose = (scope, on) => {
    const other = { admin: 'generate', generate: 'admin' }[scope]; // a key has never both
    scopes.value = SCOPES.filter((each) => (each === scope ? on : scopes.value.includes(each) && !(on && each === other)));
  };
  return h(
    FormDialog,
    { title: found ? t('settings.edit_of', { name: found.name }) : t('keys.new'), made: !!found, act, onClose },
    first && p({ class: 'field-help' }, t('keys.first')),
    h(TextField, { id: 'key-name', label: t('settings.name'), value: name.value, onInput: (value) => (name.value = value), help: t('keys.name_help'), error: act.wrong('name'), autocomplete: 'off' }),
    !found && h(SelectField, {
      id: 'key-project', label: t('keys.project'), value: owner.value, error: act.wrong('project'),
      choices: [...projects.filter((each) => !each.archived_at).map((each) => /** @type {const} */ ([each.id, each.name])), ['', t('keys.administration')]],
      onChange: (value) => {
        owner.value = value;
        scopes.value = usual(value);
      },
    }),
    fieldset(
      { class: 's-choices' },
      legend(null, t('keys.scopes')),
      SCOPES.map((each) =>
        label({ class: 's-choice', key: each },
          input({ type: 'checkbox', checked: scopes.value.includes(each), onChange: (event) => choose(each, event.currentTarget.checked) }),
          span(null, t(`scope.${each}`), span({ class: 's-choice-help' }, t(`scope.${each}_help`)))),
      ),
      act.wrong('scopes') && p({ class: 'field-error' }, act.wrong('scopes')),
    ),
    h(LimitFields, { form: limits.value, set: (field, value) => (limits.value = { ...limits.value, [field]: value }), wrong: act.wrong, open: phrases(found?.limits ?? {}).length > 0 }),
  );
}

/** @param {{ found: any, onDone: (made: unknown) => void, onClose: () => void }} props */
function Rotate({ found, onDone, onClose }) {
  const grace = useSignal(String(DAY_S));
  const act = useAct(async () => onDone(await api.post(`/keys/${found.id}/rotate?grace_s=${grace.value}`)));
  return h(
    Confirm,
    { title: t('keys.rotate_of', { name: found.name }), text: t('keys.rotate_text'), action: t('keys.rotate'), busy: act.busy, onDo: act.run, onClose },
    h(SelectField, {
      id: 'rotate-grace', label: t('keys.grace'), value: grace.value, onChange: (value) => (grace.value = value),
      choices: [['0', t('keys.grace_none')], ['3600', t('keys.grace_hour')], [String(DAY_S), t('keys.grace_day')], [String(7 * DAY_S), t('keys.grace_week')]],
    }),
    act.error !== null && h(Problem, { error: act.error }),
  );
}

/** @param {{ found: any, onDone: (made: unknown) => void, onClose: () => void }} props */
function Revoke({ found, onDone, onClose }) {
  const act = useAct(async () => onDone(await api.post(`/keys/${found.id}/revoke`)));
  return h(
    Confirm,
    { title: t('keys.revoke_of', { name: found.name }), text: t('keys.revoke_text'), action: t('keys.revoke'), danger: true, busy: act.busy, onDo: act.run, onClose },
    act.error !== null && h(Problem, { error: act.error }),
  );
}

/** The key one is signed in with: what it may do, and what it has left. */
export function OwnKey() {
  const asked = useAsked(() => api.get('/key'));
  const own = asked.data;
  return section(
    null,
    h(Head, { title: t('settings.key'), text: t('keys.own') }),
    h(Shown, { asked }, own && ul(
      { class: 's-rows' },
      li({ class: 's-row' }, div({ class: 's-row-main' }, strong(null, own.label), span({ class: 's-row-tag' }, own.project), p({ class: 's-row-line' }, own.scopes.map((/** @type {string} */ each) => t(`scope.${each}`)).join(t('settings.and'))))),
      own.limits.map((/** @type {any} */ each) =>
        li({ class: 's-row', key: `${each.of}${each.window}${each.currency}` }, div(
          { class: 's-row-main' },
          strong(null, t('keys.left', { amount: `${each.remaining} ${each.currency}`, limit: `${each.limit} ${each.currency}` })),
          p({ class: 's-row-line' }, t(`keys.limit_of_${each.of}_${each.window}`), ' · ', t('keys.resets'), ' ', h(Ago, { at: each.resets_at })),
        ))),
    )),
  );
}
