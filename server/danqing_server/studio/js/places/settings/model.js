/** A model as its plugin describes it: the form that people see, what that lacks, and the schema behind it. */

import { a, code, details, div, h, h3, li, p, pre, section, span, summary, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { address, link } from '../../router.js';
import { CopyButton } from '../../ui/copy.js';
import { Head } from './head.js';
import { Preview } from './preview.js';
import { priceOf } from './providers.js';

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
