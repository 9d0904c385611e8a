/** Users: records of e-mail and name that programs of the older API keep; found by their address. */

import { useSignal } from '@preact/signals';

import { ApiError, api } from '../../api.js';
import { code, div, form, h, li, p, section, span, strong, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { announce } from '../../ui/announce.js';
import { useAct } from '../../ui/asking.js';
import { Button } from '../../ui/button.js';
import { Confirm } from '../../ui/dialog.js';
import { TextField } from '../../ui/field.js';
import { Problem } from '../../ui/states.js';
import { Ago } from '../../ui/time.js';
import { Head } from './asking.js';

export function Users() {
  const email = useSignal('');
  const name = useSignal('');
  const found = useSignal(/** @type {any} */ (undefined));
  const deleting = useSignal(false);
  const look = useAct(async () => {
    try {
      found.value = await api.get('/users', { email: email.value.trim() });
    } catch (thrown) {
      if (!(thrown instanceof ApiError) || thrown.status !== 404) throw thrown;
      found.value = null;
    }
  });
  const make = useAct(async () => {
    found.value = await api.post('/users', { email: email.value.trim(), name: name.value.trim() });
    announce(t('settings.saved'));
  });
  const remove = useAct(async () => {
    await api.del(`/users/${found.value.id}`);
    deleting.value = false;
    found.value = undefined;
  });
  const user = found.value;
  return section(
    null,
    h(Head, { title: t('settings.users'), text: t('users.about') }),
    form(
      { class: 's-form s-form-line', onSubmit: (event) => { event.preventDefault(); look.run(); } },
      h(TextField, { id: 'user-email', label: t('users.email'), type: 'email', value: email.value, onInput: (value) => { email.value = value; found.value = undefined; }, error: look.wrong('email') ?? make.wrong('email'), autocomplete: 'off' }),
      h(Button, { text: t('users.find'), type: 'submit', icon: 'search', busy: look.busy, disabled: !email.value.trim() }),
    ),
    look.error !== null && !look.wrong('email') && h(Problem, { error: look.error }),
    user && ul({ class: 's-rows' }, li(
      { class: 's-row' },
      div({ class: 's-row-main' }, strong(null, user.name), span({ class: 's-row-soft' }, user.email), p({ class: 's-row-line' }, code(null, user.id), ' · ', h(Ago, { at: user.created_at }))),
      h(Button, { text: t('settings.delete'), icon: 'trash', kind: 'danger', onClick: () => (deleting.value = true) }),
    )),
    user === null && form(
      { class: 's-form s-form-line', onSubmit: (event) => { event.preventDefault(); make.run(); } },
      p({ class: 's-part-text' }, t('users.nobody')),
      h(TextField, { id: 'user-name', label: t('settings.name'), value: name.value, onInput: (value) => (name.value = value), error: make.wrong('name'), autocomplete: 'off' }),
      h(Button, { text: t('settings.create'), type: 'submit', busy: make.busy, disabled: !name.value.trim() }),
    ),
    make.error !== null && !make.wrong('name') && h(Problem, { error: make.error }),
    deleting.value && user && h(
      Confirm,
      { title: t('users.delete_of', { name: user.name }), text: t('users.delete_text'), action: t('settings.delete'), danger: true, busy: remove.busy, onDo: remove.run, onClose: () => (deleting.value = false) },
      remove.error !== null && h(Problem, { error: remove.error }),
    ),
  );
}
