/** About: which release this is, whose work stands in it, and where to read on. */

import { api } from '../../api.js';
import { a, dd, dl, dt, h, h3, li, section, ul } from '../../dom.js';
import { t } from '../../i18n.js';
import { useAsked } from '../../ui/asking.js';
import { Head, Shown } from './asking.js';

const OTHERS = ['Preact 11.2.0 · MIT · © Jason Miller', '@preact/signals 2.11.4 · MIT · © Preact Team'];
const LINKS = /** @type {const} */ ([['/docs', 'about.api'], ['/docs/errors', 'about.errors'], ['/openapi.json', 'about.openapi']]);

export function About() {
  const asked = useAsked(() => api.get('/health'));
  return section(
    null,
    h(Head, { title: t('settings.about'), text: t('about.what') }),
    h(Shown, { asked }, asked.data && dl(
      { class: 's-facts' },
      dt(null, t('about.version')), dd(null, asked.data.version),
      dt(null, t('about.licence')), dd(null, 'MIT'),
    )),
    h3(null, t('about.read')),
    ul({ class: 's-links' }, LINKS.map(([url, text]) => li({ key: url }, a({ href: url }, t(text))))),
    h3(null, t('about.others')),
    ul({ class: 's-links' }, OTHERS.map((each) => li({ key: each }, each))),
  );
}
