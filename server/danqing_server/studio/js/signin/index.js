/** Signing in: a dialog over whatever is open, which stays as it is and goes on afterwards. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { ApiError } from '../api.js';
import { div, form, h, p } from '../dom.js';
import { t } from '../i18n.js';
import { kept } from '../kept.js';
import { me, putOff, signIn } from '../session.js';
import { Button } from '../ui/button.js';
import { Dialog } from '../ui/dialog.js';
import { TextField } from '../ui/field.js';
import { Problem, messageOf } from '../ui/states.js';

const NAME = 'signin-name';
const KEY = 'signin-key';

export default function SignIn() {
  const name = useSignal(kept('person') ?? '');
  const key = useSignal('');
  const shown = useSignal(false);
  const busy = useSignal(false);
  const error = useSignal(/** @type {unknown} */ (null));
  const left_s = useSignal(0);
  const again = me.value !== null;

  useEffect(() => focusOn(name.value ? KEY : NAME), []);
  useEffect(() => {
    if (!left_s.value) return undefined;
    const timer = setTimeout(() => (left_s.value -= 1), 1000);
    return () => clearTimeout(timer);
  }, [left_s.value]);

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    if (busy.value || left_s.value) return;
    if (!key.value.trim()) return refuse(new ApiError(401, 'no_key', t('signin.key_missing')));
    busy.value = true;
    error.value = null;
    try {
      await signIn(key.value.trim(), name.value.trim() || 'studio');
    } catch (thrown) {
      refuse(thrown);
    }
    busy.value = false;
  }

  /** @param {unknown} thrown */
  function refuse(thrown) {
    error.value = thrown;
    if (!(thrown instanceof ApiError)) return;
    if (thrown.status === 429) left_s.value = thrown.retryAfter_s || 60;
    if (thrown.status !== 400) focusOn(KEY);
  }

  const wrong = error.value instanceof ApiError && [401, 403].includes(error.value.status) ? messageOf(error.value) : null;
  const wait = left_s.value ? t('signin.wait', { n: left_s.value }) : null;
  return h(
    Dialog,
    { title: t(again ? 'signin.again' : 'signin.title'), insistent: !again, onClose: putOff, class: 'signin' },
    p({ class: 'signin-why' }, t(again ? 'signin.kept' : 'signin.why')),
    form(
      { class: 'signin-form', onSubmit: submit, noValidate: true },
      h(TextField, {
        id: NAME, label: t('signin.name'), help: t('signin.name_help'), autocomplete: 'username', optional: true, spellcheck: false,
        value: name.value, onInput: (value) => (name.value = value),
      }),
      h(TextField, {
        id: KEY, label: t('signin.key'), help: t('signin.key_help'), autocomplete: 'current-password', spellcheck: false, required: true,
        type: shown.value ? 'text' : 'password', class: 'signin-key', error: wait ?? wrong,
        value: key.value, onInput: (value) => (key.value = value),
        aside: h(Button, { text: t(shown.value ? 'signin.hide' : 'signin.show'), kind: 'plain', class: 'signin-show', onClick: () => (shown.value = !shown.value) }),
      }),
      p({ class: 'unseen', role: 'alert' }, wait ? '' : wrong),
      error.value !== null && !wrong && !wait && h(Problem, { error: error.value, fields: true }),
      div({ class: 'signin-actions' }, h(Button, { text: t('signin.do'), type: 'submit', kind: 'primary', busy: busy.value, disabled: !!left_s.value })),
    ),
  );
}

/** @param {string} id */
const focusOn = (id) => document.getElementById(id)?.focus();
