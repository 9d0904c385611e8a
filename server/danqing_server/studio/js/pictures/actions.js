/** What can be done with pictures, wherever they are seen. */

import { ApiError, api } from '../api.js';
import { t } from '../i18n.js';
import { address, go } from '../router.js';
import { notify } from '../ui/announce.js';
import { messageOf } from '../ui/states.js';
import { amend, hide, rowFor, rowOf, taskOf } from './store.js';

const UNDO_S = 8;
const DELETED_AT_ONCE = 4;

/** @param {unknown} error */
const say = (error) => void notify(messageOf(error), { kind: 'wrong' });

/** Give the pictures stars; if all have one, take them away. @param {string[]} ids */
export async function star(ids) {
  const left = new Map(ids.map((id) => [id, !!rowOf(id)?.starred]));
  const starred = ![...left.values()].every(Boolean);
  for (const id of ids) amend(id, { starred });
  try {
    for (const id of ids) {
      await (starred ? api.put(`/pictures/${id}/star`) : api.del(`/pictures/${id}/star`));
      left.delete(id);
    }
  } catch (error) {
    for (const [id, before] of left) amend(id, { starred: before });
    say(error);
  }
}

/**
 * Delete pictures: they are gone from sight at once, and for good when the time to undo it is over. Who leaves before has
 * deleted nothing.
 *
 * @param {string[]} ids
 */
export function remove(ids) {
  const back = hide(ids);
  notify(t('pictures.deleted', { n: ids.length }), {
    seconds: UNDO_S,
    action: { text: t('ui.undo'), onPick: () => back() },
    onEnd: () => void removeForGood([...ids], back),
  });
}

/** @param {string[]} ids @param {(failed: string[]) => void} back */
async function removeForGood(ids, back) {
  /** @type {string[]} */
  const failed = [];
  let why = '';
  const next = async () => {
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
      try {
        await api.del(`/pictures/${id}`);
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) continue;
        failed.push(id);
        why = messageOf(error);
      }
    }
  };
  await Promise.all(Array.from({ length: DELETED_AT_ONCE }, next));
  if (!failed.length) return;
  back(failed);
  notify(t('pictures.not_deleted', { n: failed.length, why }), { kind: 'wrong' });
}

/** Fill the form of Create with what made the picture. @param {string} id */
export const reuse = (id) => go(address('create', { reuse: taskOf(id) }));

/** Take the picture as a reference in Create. @param {string} id */
export async function asReference(id) {
  const row = await rowFor(id).catch(say);
  if (row) go(address('create', { reference: row.url }));
}

/** @param {string} id */
export async function download(id) {
  const row = await rowFor(id).catch(say);
  if (row) save(row.path, `${row.model}-${id.replaceAll('/', '-')}.${row.path.split('.').pop()}`);
}

/** @param {string} url @param {string} name */
function save(url, name) {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

/** Save pictures as one ZIP, with what made them beside. @param {string[]} ids */
export async function zip(ids) {
  const end = notify(t('pictures.zipping', { n: ids.length }), { seconds: 3600 });
  try {
    const url = URL.createObjectURL(await api.post('/pictures/zip', { ids }, { isFile: true }));
    save(url, `danqing-${new Date().toISOString().slice(0, 10)}.zip`);
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    notify(t('pictures.zipped'));
  } catch (error) {
    say(error);
  } finally {
    end();
  }
}
