/** One task among today's: its pictures as they come, what is missing and why, and what can be done. */

import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';

import { api, newKey } from '../../api.js';
import { a, article, div, h, img, li, p, progress, span, ul, video } from '../../dom.js';
import { clock, duration } from '../../format.js';
import { format, has, language, register, t } from '../../i18n.js';
import { tell } from '../../live.js';
import { link, withQuery } from '../../router.js';
import { notify } from '../../ui/announce.js';
import { Button } from '../../ui/button.js';
import { costText } from '../../ui/money.js';
import { messageOf } from '../../ui/problem.js';
import { Status, standingOf } from '../../ui/status.js';
import { Thumb, pathOf } from '../../ui/thumb.js';
import { now } from '../../ui/time.js';
import { texts } from './result_texts.js';
import { reuse } from './reuse.js';
import { isOpen, taskOf } from './today.js';

register(texts);

const PLACE_MS = 4_000;

/** @param {{ id: string, place: number }} props */
export default function Card({ id, place }) {
  const task = taskOf(id).value;
  const prompt = task.input?.prompt ?? task.prompt ?? '';
  const failed = task.status === 'failed' || task.status === 'cancelled';
  return article(
    { class: `result result-${task.status}`, 'aria-label': prompt || id },
    div(
      { class: 'result-head' },
      a({ ...link(withQuery({ task: id })), class: 'result-prompt', title: prompt }, prompt || id),
      span({ class: 'result-at' }, clock(task.created_at)),
    ),
    h(Pictures, { task, eager: place < 2 }),
    div(
      { class: 'result-foot' },
      h(Status, { standing: standingOf(task) }),
      span(null, t('create.of', { count: keptOf(task), most: task.images ?? 1 })),
      h(Took, { task }),
      task.cost && span({ class: 'money' }, costText(isOpen(task) ? task.cost : { ...task.cost, at_most: undefined })),
      div({ class: 'result-tools' }, h(Tools, { task })),
    ),
    isOpen(task) && task.status !== 'processing' && h(Waits, { task, place }),
    failed && h(Why, { error: task.error, billed: task.billed }),
    (task.output?.errors ?? []).map((/** @type {any} */ error) => h(Why, { key: error.index, error, billed: error.billed, index: error.index })),
    (task.notes ?? []).map((/** @type {string} */ note) => p({ class: 'field-help', key: note }, note)),
  );
}

/** @param {any} task */
const outputsOf = (task) => [...(task.output?.images ?? []), ...(task.output?.videos ?? []), ...(task.output?.audios ?? []), ...(task.output?.files ?? [])];

/** @param {any} task */
const keptOf = (task) => (task.output ? outputsOf(task).length : (task.kept ?? 0));

/** @param {{ task: any, eager: boolean }} props */
function Pictures({ task, eager }) {
  const found = new Map(outputsOf(task).map((each) => [each.index, each]));
  if (!found.size && task.url) found.set(0, { index: 0, url: task.url });
  const errors = new Map((task.output?.errors ?? []).map((/** @type {any} */ each) => [each.index, each]));
  const preview = task.output?.preview;
  const count = Math.max(task.images ?? 1, ...[...found.keys()].map((index) => index + 1));
  if (!isOpen(task) && !found.size) return null;
  const [across, down] = shapeOf(task, found);
  return ul(
    { class: count <= 2 ? 'result-pictures result-few' : 'result-pictures' },
    Array.from({ length: count }, (_, index) => {
      const made = found.get(index);
      const alt = t('create.picture', { place: index + 1, count });
      return li(
        {
          key: index,
          class: `result-picture${task.sandbox && made ? ' simulated' : ''}${errors.has(index) ? ' result-missing' : ''}`,
          ref: (node) => void (node && (node.style.aspectRatio = made?.width ? `${made.width} / ${made.height}` : `${across} / ${down}`)),
        },
        made ? h(Output, { task, made, alt, eager })
        : preview?.index === index ? img({ src: pathOf(preview.url), alt, class: 'thumb preview' })
        : errors.has(index) ? span({ class: 'result-mark', 'aria-hidden': 'true' }, '✕')
        : span({ class: task.status === 'processing' ? 'brushing' : 'blank', 'aria-hidden': 'true' }),
      );
    }),
  );
}

/** @param {{ task: any, made: any, alt: string, eager: boolean }} props */
function Output({ task, made, alt, eager }) {
  const picture = withQuery({ picture: `${task.id}/${made.index}` });
  if ('duration_s' in made && made.width) return video({ src: pathOf(made.url), poster: made.poster_url ? pathOf(made.poster_url) : undefined, controls: true, preload: 'none', 'aria-label': alt });
  if (made.width || task.kind === undefined || task.kind === 'image') return a({ ...link(picture) }, h(Thumb, { url: made.url, alt, width: 220, eager, size: made.width ? made : null }));
  return a({ href: pathOf(made.url), class: 'result-file' }, made.media_type);
}

/** The shape that pictures to come will have, as far as it was asked for. @param {any} task @param {Map<number, any>} found */
function shapeOf(task, found) {
  const first = [...found.values()].find((each) => each.width);
  if (first) return [first.width, first.height];
  const asked = /^(\d+)[x*](\d+)$/.exec(task.input?.size ?? '') ?? /^(\d+):(\d+)$/.exec(task.input?.aspect_ratio ?? task.input?.ratio ?? '');
  return asked ? [asked[1], asked[2]] : [1, 1];
}

/** @param {{ task: any }} props */
function Took({ task }) {
  if (!task.started_at) return null;
  const end = task.completed_at ? Date.parse(task.completed_at) : now.value;
  const seconds = Math.max(0, (end - Date.parse(task.started_at)) / 1000);
  return [span({ key: 'took' }, duration(seconds)), task.status === 'processing' && task.progress > 0 && progress({ key: 'bar', value: task.progress, max: 1, 'aria-label': t('create.progress') })];
}

/** @param {{ task: any }} props */
function Tools({ task }) {
  const busy = useSignal(false);
  /** @param {() => Promise<any>} ask */
  const doing = async (ask) => {
    if (busy.value) return;
    busy.value = true;
    try {
      tell(await ask());
    } catch (error) {
      notify(messageOf(error), { kind: 'wrong' });
    } finally {
      busy.value = false;
    }
  };
  /** @param {string} action */
  const act = (action) => doing(() => api.post(`/tasks/${task.id}/${action}`, undefined, { key: newKey() }));
  const missing = (task.output?.errors ?? []).length;
  const again = task.error?.retryable !== false && task.billed !== 'unknown';
  return [
    isOpen(task) && h(Button, { key: 'stop', text: t(keptOf(task) || task.status === 'processing' ? 'create.stop_rest' : 'create.stop'), kind: 'plain', busy: busy.value, onClick: () => void act('cancel') }),
    task.status === 'completed' && missing > 0 && h(Button, { key: 'missing', text: t('create.paint_missing', { n: missing }), busy: busy.value, onClick: () => void doing(() => paintMissing(task, missing)) }),
    task.status === 'failed' && again && h(Button, { key: 'again', text: t('app.retry'), kind: 'plain', busy: busy.value, onClick: () => void act('retry') }),
    task.status === 'failed' && task.billed === 'unknown' && h(Button, { key: 'look', text: t('create.look'), kind: 'plain', href: withQuery({ task: task.id }) }),
    !isOpen(task) && h(Button, { key: 'reuse', text: t('create.edit_prompt'), icon: 'reuse', kind: 'plain', onClick: () => void reuse(task.id) }),
  ];
}

/** The names under which models take how many are made. */
const COUNTS = ['n', 'num_outputs', 'num_images'];

/**
 * Ask for what did not come, as a task of its own: a completed one is never begun again. However often: its key is the
 * first task's.
 *
 * @param {any} task
 * @param {number} missing
 */
function paintMissing(task, missing) {
  const count = COUNTS.find((name) => name in task.input);
  const target = task.route ? { model: task.route.model } : { provider: task.provider, model: task.model };
  const terms = task.on_ambiguous ? { on_ambiguous: task.on_ambiguous } : {};
  const input = { ...task.input, ...(count ? { [count]: missing } : {}) };
  return api.post('/ai/tasks', { type: task.type, ...target, input, user_id: task.user_id, ...terms }, { key: `missing-${task.id}` });
}

/** What went wrong, whether it was billed, in one line; the provider's own word below. @param {{ error: any, billed: string, index?: number }} props */
function Why({ error, billed, index }) {
  const paid = /yes|no|unknown/.test(billed) ? t(`create.billed.${billed}`) : '';
  return div(
    { class: `why why-${billed}` },
    p(null, index !== undefined && `${t('create.picture_no', { place: index + 1 })} `, error?.message ?? t('create.no_reason'), ' ', span({ class: `billed billed-${billed}` }, paid)),
    error?.provider_code && p({ class: 'field-help' }, t('create.provider_word', { code: error.provider_code })),
  );
}

/** @param {number} place from 1; "3rd" */
function nth(place) {
  if (language.value === 'zh') return String(place);
  const form = format('ordinal', (locale) => new Intl.PluralRules(locale, { type: 'ordinal' })).select(place);
  return place + ({ one: 'st', two: 'nd', few: 'rd' }[/** @type {string} */ (form)] ?? 'th');
}

/** Why it waits, and where in the line it stands. @param {{ task: any, place: number }} props */
function Waits({ task, place }) {
  const told = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    if (place > 8) return undefined;
    const look = () => {
      if (!document.hidden) api.get(`/tasks/${task.id}/explain`).then((found) => (told.value = found), () => {});
    };
    look();
    const timer = setInterval(look, PLACE_MS);
    return () => clearInterval(timer);
  }, [task.id]);
  const found = told.value;
  if (!found?.waiting_for) return null;
  const { own, lane } = found.position;
  const reason = has(`create.waits.${found.waiting_for}`) ? t(`create.waits.${found.waiting_for}`) : found.waiting_for;
  const where = lane === null || own === null ? '' : t('create.place', { own: nth(own + 1), lane: nth(lane + 1) });
  const when = found.estimated_start_at ? t('create.about', { time: clock(found.estimated_start_at) }) : '';
  return p({ class: 'waits' }, [where, when, reason, found.reason].filter(Boolean).join(' · '));
}

