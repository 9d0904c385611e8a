/** Settings: what a project's people, its administrators and the operators look after, each by their rights. */

import { a, div, h, h1, nav, section } from '../../dom.js';
import { t } from '../../i18n.js';
import { address, link, route } from '../../router.js';
import { may, me } from '../../session.js';
import { About } from './about.js';
import { Browser } from './browser.js';
import { Health } from './health.js';
import { Keys, OwnKey } from './keys.js';
import { Projects } from './projects.js';
import { Providers } from './providers.js';
import { Sessions } from '../../signin/sessions.js';
import { Users } from './users.js';
import { Webhooks } from './webhooks.js';

/**
 * @typedef {object} Part
 * @property {string} name also in the address
 * @property {(props: { rest: string }) => import('preact').ComponentChildren} show `rest` is what follows the name in the address
 * @property {() => boolean} [allowed]
 */

const seesMore = () => !me.value?.viewer;

/** @type {readonly Part[]} */
const PARTS = [
  { name: 'browser', show: Browser },
  { name: 'key', show: OwnKey, allowed: () => seesMore() && may('read') && !may('admin') && !may('every_project') },
  { name: 'keys', show: Keys, allowed: () => may('admin') },
  { name: 'projects', show: Projects, allowed: () => may('admin') },
  { name: 'webhooks', show: Webhooks, allowed: () => seesMore() && may('webhooks') },
  { name: 'providers', show: Providers, allowed: () => seesMore() && may('read') },
  { name: 'health', show: Health, allowed: () => may('operate') },
  { name: 'users', show: Users, allowed: () => seesMore() && may('generate') },
  { name: 'sessions', show: Sessions, allowed: () => seesMore() && me.value?.session != null },
  { name: 'about', show: About },
];

export default function Settings() {
  const [wanted = '', ...rest] = route.value.path.split('/');
  const parts = PARTS.filter((each) => each.allowed?.() ?? true);
  const part = parts.find((each) => each.name === wanted) ?? /** @type {Part} */ (parts[0]);
  return section(
    { class: 'page settings' },
    h1({ class: 'page-title' }, t('place.settings')),
    nav(
      { class: 'settings-nav', 'aria-label': t('place.settings') },
      parts.map(({ name }) =>
        a(
          { ...link(address('settings', {}, name)), key: name, class: 'settings-link', 'aria-current': name === part.name ? 'page' : undefined },
          t(`settings.${name}`),
        ),
      ),
    ),
    div({ class: 'settings-part' }, h(part.show, { key: part.name, rest: part.name === wanted ? rest.join('/') : '' })),
  );
}
