/** Taking over what a task was made of, references too; what was being written can be had back. */

import { api, newKey } from '../../api.js';
import { t } from '../../i18n.js';
import { notify } from '../../ui/announce.js';
import { messageOf } from '../../ui/states.js';
import { pathOf } from '../../ui/thumb.js';
import { change, draft } from './drafts.js';
import { choices, fields, find } from './models.js';
import { add, pictureField } from './references.js';

/** @param {string} uri @returns {import('./drafts.js').Picture} */
const pictureOf = (uri) => ({ id: newKey(), uri, path: pathOf(uri), name: uri.split('/').pop() ?? '' });

/**
 * Fill the form with the input of a task.
 *
 * @param {string} id
 */
export async function reuse(id) {
  let task;
  try {
    task = await api.get(`/tasks/${id}`);
  } catch (error) {
    notify(messageOf(error), { kind: 'wrong' });
    return;
  }
  const { model, second, values, terms } = draft.value;
  const chosen = find(task.route?.model ?? '') ?? find(`${task.provider}/${task.model}`);
  const taken = { ...task.input };
  for (const field of chosen?.fields ?? fields.value) {
    if (field.ui.widget === 'references' && taken[field.name]) taken[field.name] = [taken[field.name]].flat().map(pictureOf);
  }
  change({ model: chosen?.key ?? model, second: '', values: taken, terms: task.on_ambiguous ? { on_ambiguous: task.on_ambiguous } : {} });
  const had = Object.values(values).some((each) => each !== undefined && each !== '');
  notify(t('create.reused'), { action: had ? { text: t('ui.undo'), onPick: () => change({ model, second, values, terms }) } : undefined });
  document.getElementById('create-prompt')?.focus();
}

/**
 * Add a picture of ours as a reference.
 *
 * @param {string} uri its address
 */
export function reference(uri) {
  const field = pictureField();
  if (field) add(field, [pictureOf(uri)]);
  else if (choices.value.length) notify(t('create.takes_none'), { kind: 'wrong' });
}
