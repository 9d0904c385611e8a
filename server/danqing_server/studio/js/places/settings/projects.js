/** Projects: who owns tasks, users and keys, and how much of each. */

import { useSignal } from '@preact/signals';

import { api } from '../../api.js';
import { a, code, div, form, h, li, p, section, span, strong, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { address, link } from '../../router.js';
import { notify } from '../../ui/announce.js';
import { Button } from '../../ui/button.js';
import { Confirm, Dialog } from '../../ui/dialog.js';
import { Empty } from '../../ui/empty.js';
import { TextField } from '../../ui/field.js';
import { Menu } from '../../ui/menu.js';
import { Problem, messageOf } from '../../ui/problem.js';
import { More, Shown, useAct, usePages } from './asking.js';
import { Head } from './head.js';
import { LimitFields, phrases, read, written } from './limits.js';

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
      h(More, { onMore: asked.further })),
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
    Dialog,
    {
      title: project ? t('settings.edit_of', { name: project.name }) : t('projects.new'), onClose,
      actions: [h(Button, { text: t('ui.cancel'), onClick: onClose }), h(Button, { text: project ? t('settings.save') : t('settings.create'), kind: 'primary', busy: act.busy, onClick: act.run })],
    },
    form(
      { class: 's-form', onSubmit: (event) => { event.preventDefault(); act.run(); } },
      h(TextField, { id: 'project-name', label: t('settings.name'), value: name.value, onInput: (value) => (name.value = value), error: act.wrong('name'), autocomplete: 'off' }),
      h(LimitFields, { form: limits.value, set: (field, value) => (limits.value = { ...limits.value, [field]: value }), wrong: act.wrong, open: true }),
      act.error !== null && h(Problem, { error: act.error }),
    ),
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
