/** Providers and plugins: what there is, what does not work and why; of a model the form that people see. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { api } from '../../api.js';
import { a, code, details, div, h, h3, li, p, pre, section, span, strong, summary, ul } from '../../dom.js';
import { money } from '../../format.js';
import { loaded, need } from '../../frame/frame.js';
import { has, language, t } from '../../i18n.js';
import { address, link } from '../../router.js';
import { may, me } from '../../session.js';
import { useAsked } from '../../ui/asking.js';
import { CopyButton } from '../../ui/copy.js';
import { Skeleton } from '../../ui/states.js';
import { Head, Shown } from './asking.js';

const MANY = 6;

/** @typedef {{ catalogue: any, gaps: any[], broken: any[] }} Found */

/** @returns {Promise<Found>} */
async function ask() {
  const [catalogue, server] = await Promise.all([api.get('/providers'), may('operate') ? api.get('/server') : null]);
  return { catalogue, gaps: server?.gaps ?? [], broken: server?.broken ?? [] };
}

/** @param {{ rest: string }} props */
export function Providers({ rest }) {
  const asked = useAsked(ask, [language.value]);
  const found = asked.data;
  const [name, ...model] = rest.split('/');
  if (!found) return h(Shown, { asked });
  const provider = found.catalogue.providers.find((/** @type {any} */ each) => each.name === name);
  const chosen = provider?.models.find((/** @type {any} */ each) => each.id === decodeURIComponent(model.join('/')));
  if (chosen) return h(Model, { provider, model: chosen, gaps: found.gaps.filter((each) => each.provider === name && each.model === chosen.id) });
  return h(All, { found });
}

/** @param {{ found: Found }} props */
function All({ found }) {
  const { providers, plugins, routes } = found.catalogue;
  const faulty = plugins.filter((/** @type {any} */ each) => each.error !== null);
  const leftOut = plugins.filter((/** @type {any} */ each) => each.error === null && each.missing.length);
  /** @param {string} name @returns {string[]} */
  const wantedBy = (name) => plugins.find((/** @type {any} */ each) => each.providers.includes(name))?.wanted ?? [];
  return section(
    null,
    h(Head, { title: t('settings.providers'), text: t(me.value?.sandbox ? 'providers.go_live' : 'providers.about') }),
    faulty.length > 0 && ul({ class: 's-rows', 'aria-label': t('providers.broken') }, faulty.map((/** @type {any} */ each) => h(Broken, { key: each.name, plugin: each, more: found.broken.find((one) => one.name === each.name) }))),
    ul({ class: 's-rows', 'aria-label': t('settings.providers') }, providers.map((/** @type {any} */ each) => h(Provider, { key: each.name, provider: each, wanted: each.sandbox ? wantedBy(each.name) : [], gaps: found.gaps.filter((gap) => gap.provider === each.name) }))),
    routes.length > 0 && [h3(null, t('providers.routes')), ul({ class: 's-rows' }, routes.map((/** @type {any} */ each) => li({ class: 's-row', key: each.model }, div({ class: 's-row-main' }, strong(null, each.model), p({ class: 's-row-line' }, each.targets.map((/** @type {any} */ one) => `${one.provider}/${one.model}${one.present ? '' : ` (${t('providers.absent')})`}`).join(' → '))))))],
    leftOut.length > 0 && [
      h3(null, t('providers.left_out')),
      p({ class: 's-part-text' }, t('providers.left_out_text')),
      ul({ class: 's-rows', 'aria-label': t('providers.left_out') }, leftOut.map((/** @type {any} */ each) => li({ class: 's-row s-row-over', key: each.name }, div({ class: 's-row-main' }, strong(null, each.name), p({ class: 's-row-line' }, t('providers.missing'), ' ', code(null, each.missing.join(' '))))))),
    ],
  );
}

/** A plugin that does not work, in words for who wrote it. @param {{ plugin: any, more: any }} props */
function Broken({ plugin, more }) {
  const kind = `broken.${plugin.error.split(':')[0]}`;
  return li(
    { class: 's-row s-row-bad' },
    div(
      { class: 's-row-main' },
      strong(null, plugin.name),
      plugin.version && span({ class: 's-row-soft' }, `${plugin.distribution} ${plugin.version}`),
      span({ class: 's-row-tag s-row-tag-bad' }, t('providers.plugin_error')),
      p({ class: 's-row-line' }, t(`broken.stage_${more?.stage ?? 'any'}`), has(kind) && ` ${t(kind)}`),
      p({ class: 's-row-line' }, code({ class: 's-answer' }, plugin.error)),
      more?.where && p({ class: 's-row-line' }, t('broken.where'), ' ', code(null, more.where)),
      p({ class: 's-row-line' }, t('broken.then')),
    ),
  );
}

/** @param {{ provider: any, wanted: string[], gaps: any[] }} props */
const Provider = ({ provider, wanted, gaps }) =>
  li(
    { class: 's-row' },
    div(
      { class: 's-row-main' },
      strong(null, provider.title),
      span({ class: 's-row-soft' }, provider.name),
      span({ class: provider.sandbox ? 's-row-tag' : 's-row-tag s-row-tag-good' }, t(provider.sandbox ? 'providers.sandbox' : 'providers.works')),
      gaps.length > 0 && span({ class: 's-row-tag s-row-tag-bad' }, t('gaps.count', { n: gaps.length })),
      wanted.length > 0 && p({ class: 's-row-line' }, t('providers.missing'), ' ', code(null, wanted.join(' '))),
      details({ class: 's-models-box', open: provider.models.length <= MANY || gaps.length > 0 }, summary(null, t('providers.models', { n: provider.models.length })), ul({ class: 's-models' }, provider.models.map((/** @type {any} */ model) => {
        const own = gaps.filter((each) => each.model === model.id).length;
        return li(
          { key: model.id },
          a({ ...link(address('settings', {}, `providers/${provider.name}/${encodeURIComponent(model.id)}`)) }, model.title),
          span({ class: 's-row-soft' }, t(`kind.${model.kind}`), model.price && ` · ${priceOf(model.price)}`, own > 0 && ` · ${t('gaps.count', { n: own })}`),
          span({ class: 's-row-soft' }, model.id),
        );
      }))),
    ),
  );

/** @param {{ amount: string, currency: string, per: string, at_most?: string }} price */
export function priceOf(price) {
  const amount = price.at_most ? `${money(price.amount, price.currency)}–${money(price.at_most, price.currency)}` : money(price.amount, price.currency);
  return t('providers.price', { amount, unit: has(`unit.${price.per}`) ? t(`unit.${price.per}`) : price.per });
}

/** @param {{ provider: any, model: any, gaps: any[] }} props */
export function Model({ provider, model, gaps }) {
  const schema = JSON.stringify(model.parameters, null, 2);
  return section(
    null,
    a({ ...link(address('settings', {}, 'providers')), class: 's-part-back' }, t('providers.back')),
    h(Head, { title: model.title, text: [code(null, model.id), ` · ${provider.title} · ${t(`kind.${model.kind}`)}`, model.price && ` · ${priceOf(model.price)}`] }),
    model.aliases.length > 0 && p({ class: 's-part-text' }, t('providers.aliases', { names: model.aliases.join(', ') })),
    gaps.length > 0 && div(
      { class: 's-gaps' },
      h3(null, t('gaps.title', { n: gaps.length })),
      ul({ 'aria-label': t('gaps.label') }, gaps.map((each) =>
        li({ key: `${each.field} ${each.text}` }, code(null, each.field), span(null, ` ${textOf(each.text)}: `), each.lacks.map((/** @type {string} */ one) => t(`gaps.no_${one}`)).join(t('settings.and'))))),
    ),
    h3(null, t('providers.preview')),
    p({ class: 's-part-text' }, t('providers.preview_text')),
    h(Preview, { key: `${provider.name} ${model.id}`, provider, model }),
    details(
      { class: 's-schema' },
      summary(null, t('providers.schema')),
      h(CopyButton, { text: schema }),
      pre({ class: 's-schema-text', tabIndex: 0, 'aria-label': t('providers.schema') }, schema),
    ),
  );
}

/** @param {string} text `title`, or `label` and the value */
function textOf(text) {
  const [kind, ...value] = text.split(' ');
  return t(`gaps.text_${kind}`, { value: value.join(' ') });
}

/** @typedef {{ Widget: (props: any) => any, fieldsOf: (schema: any, pictures?: readonly string[]) => any[], hasEffect: (field: any, values: any) => boolean }} Parts */

/** @returns {Promise<Parts>} */
async function partsOfCreate() {
  const [widgets, schema] = await Promise.all([import('../create/widgets.js'), import('../create/models.js')]);
  return { Widget: widgets.Widget, fieldsOf: schema.fieldsOf, hasEffect: schema.hasEffect };
}

/** @param {{ provider: any, model: any }} props */
export function Preview({ provider, model }) {
  const parts = useSignal(/** @type {Parts | null} */ (null));
  const values = useSignal(/** @type {Record<string, any>} */ ({}));
  useEffect(() => {
    need('places/create'); // its style
    partsOfCreate().then((found) => (parts.value = found));
  }, []);
  if (!parts.value || !loaded.value['places/create']) return h(Skeleton, { lines: 4 });
  const { Widget, fieldsOf, hasEffect } = parts.value;
  const fields = fieldsOf(model.parameters, provider.reference_fields).filter((field) => hasEffect(field, values.value));
  return div(
    { class: 's-preview' },
    fields.map((field) =>
      div(
        { key: field.name, class: 's-preview-field', 'data-field': field.name, inert: field.ui.widget === 'references' },
        h(Widget, {
          field, id: `preview-${field.name}`, value: values.value[field.name], error: null, sandbox: false, problems: {},
          set: (/** @type {any} */ value) => (values.value = { ...values.value, [field.name]: value }),
        }),
      ),
    ),
  );
}
