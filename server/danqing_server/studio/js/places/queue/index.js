import { h, h1, section } from '../../dom.js';
import { t } from '../../i18n.js';
import { Empty } from '../../ui/empty.js';

export { texts } from './texts.js';

export default function Place() {
  return section({ class: 'page' }, h1({ class: 'page-title' }, t('place.queue')), h(Empty, { title: t('queue.empty') }));
}
