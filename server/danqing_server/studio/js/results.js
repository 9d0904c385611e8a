/** What came of a task, wherever it is shown: its pictures, why some are missing, why it waits, and how to ask for it again. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { api } from './api.js';
import { a, details, div, h, img, li, p, span, summary, ul, video } from './dom.js';
import { clock } from './format.js';
import { format, has, language, t } from './i18n.js';
import { link, withQuery } from './router.js';
import { isOpen } from './ui/status.js';
import { Thumb, pathOf } from './ui/thumb.js';

const PLACE_MS = 4_000;

/** @param {any} task */
export const outputsOf = (task) => [...(task.output?.images ?? []), ...(task.output?.videos ?? []), ...(task.output?.audios ?? []), ...(task.output?.files ?? [])];

/** @param {any} task */
export const keptOf = (task) => (task.output ? outputsOf(task).length : (task.kept ?? 0));

/** How much of it there is; where words alone are made nothing is counted. @param {{ task: any }} props */
export const Count = ({ task }) => task.images !== 0 && span(null, t('result.of', { count: keptOf(task), most: task.images ?? 1 }));

/** Its pictures, and the words that came. @param {{ task: any, eager: boolean }} props */
export function Pictures({ task, eager }) {
  const late = [...(task.output?.late ?? []), ...(task.output?.late_files ?? [])].map((/** @type {any} */ each) => ({ ...each, isLate: true }));
  const found = new Map([...late, ...outputsOf(task)].map((each) => [each.index, each]));
  if (!found.size && task.url) found.set(0, { index: 0, url: task.url });
  const errors = new Map((task.output?.errors ?? []).map((/** @type {any} */ each) => [each.index, each]));
  const preview = task.output?.preview;
  const count = Math.max(task.images ?? 1, ...[...found.keys()].map((index) => index + 1));
  const words = task.output?.text && p({ key: 'words', class: 'result-words', tabIndex: 0 }, task.output.text);
  if (!isOpen(task) && !found.size) return words;
  const [across, down] = shapeOf(task, found);
  const pictures = ul(
    { key: 'pictures', class: count <= 2 ? 'result-pictures result-few' : 'result-pictures' },
    Array.from({ length: count }, (_, index) => {
      const made = found.get(index);
      const alt = t('result.picture', { place: index + 1, count });
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
  return [pictures, words];
}

/** @param {{ task: any, made: any, alt: string, eager: boolean }} props */
function Output({ task, made, alt, eager }) {
  const picture = withQuery({ picture: `${task.id}/${made.index}` });
  if (made.isLate) return a({ href: pathOf(made.url), target: '_blank', title: t('result.late') }, made.width ? h(Thumb, { url: made.url, alt, width: 220, size: made }) : made.media_type);
  if ('duration_s' in made && made.width) return video({ src: pathOf(made.url), poster: made.poster_url ? pathOf(made.poster_url) : undefined, controls: true, preload: 'none', 'aria-label': alt });
  if (made.width || task.kind === undefined || task.kind === 'image') return a({ ...link(picture) }, h(Thumb, { url: made.url, alt, width: 220, eager, size: made.width ? made : null }));
  return a({ href: pathOf(made.url), class: 'result-file' }, made.media_type ?? t('result.file'));
}

/** The shape that pictures to come will have, as far as it was asked for. @param {any} task @param {Map<number, any>} found */
function shapeOf(task, found) {
  const first = [...found.values()].find((each) => each.width);
  if (first) return [first.width, first.height];
  const asked = /^(\d+)[x*](\d+)$/.exec(task.input?.size ?? '') ?? /^(\d+):(\d+)$/.exec(task.input?.aspect_ratio ?? task.input?.ratio ?? '');
  return asked ? [asked[1], asked[2]] : [1, 1];
}

/** What an error means, in the reader's language where there are words for it. @param {any} error @param {string} provider */
export function plainly(error, provider) {
  const name = `error.${error?.code}`;
  return has(name) ? t(name, { provider }) : (error?.message ?? t('result.no_reason'));
}

/** What went wrong, whether it was billed, in one line; the provider's own words below. @param {{ error: any, provider: string, billed: string, index?: number }} props */
export function Why({ error, provider, billed, index }) {
  const paid = /yes|no|unknown/.test(billed) ? t(`result.billed.${billed}`) : '';
  return div(
    { class: `why why-${billed}` },
    p(null, index !== undefined && `${t('result.picture_no', { place: index + 1 })} `, plainly(error, provider), ' ', span({ class: `billed billed-${billed}` }, paid)),
    error && details(null, summary(null, t('sheet.provider_words')), p(null, [error.message, error.provider_code].filter(Boolean).join(' · '))),
  );
}

/** @param {number} place from 1; "3rd" */
function nth(place) {
  if (language.value === 'zh') return String(place);
  const form = format('ordinal', (locale) => new Intl.PluralRules(locale, { type: 'ordinal' })).select(place);
  return place + ({ one: 'st', two: 'nd', few: 'rd' }[/** @type {string} */ (form)] ?? 'th');
}

/** Why it waits, and where in the line it stands. @param {{ id: string, rarely?: boolean }} props */
export function Waits({ id, rarely = false }) {
  const told = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    if (rarely) return undefined;
    const look = () => {
      if (!document.hidden) api.get(`/tasks/${id}/explain`).then((found) => (told.value = found), () => {});
    };
    look();
    const timer = setInterval(look, PLACE_MS);
    return () => clearInterval(timer);
  }, [id]);
  const found = told.value;
  if (!found?.waiting_for) return null;
  const { own, lane } = found.position;
  const reason = has(`result.waits.${found.waiting_for}`) ? t(`result.waits.${found.waiting_for}`) : found.waiting_for;
  const where = lane === null || own === null ? '' : t('result.place', { own: nth(own + 1), lane: nth(lane + 1) });
  const when = found.estimated_start_at ? t('result.about', { time: clock(found.estimated_start_at) }) : '';
  const why = has(`lane.why.${found.reason}`) ? t(`lane.why.${found.reason}`) : found.reason;
  return p({ class: 'waits' }, [where, when, reason, why].filter(Boolean).join(' · '));
}

/** Return what to send for the same again. @param {any} task */
export function requestOf(task) {
  const target = task.route ? { model: task.route.model } : { provider: task.provider, model: task.model };
  const terms = task.on_ambiguous ? { on_ambiguous: task.on_ambiguous } : {};
  return { type: task.type, ...target, input: task.input, user_id: task.user_id, ...terms };
}

/** @param {any} body what is sent to make a task */
export const curlOf = (body) =>
  [
    `curl ${location.origin}/api/v1/ai/tasks \\`,
    '  -H "Authorization: Bearer $DANQING_KEY" \\',
    "  -H 'Content-Type: application/json' \\",
    '  -H "Idempotency-Key: $(uuidgen)" \\',
    `  -d '${JSON.stringify(body, null, 2).replaceAll("'", String.raw`'\''`)}'`,
  ].join('\n');
