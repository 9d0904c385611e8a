/** What is asked for: a line of search, and filters beside it. The address is the truth. */

import { useSignal } from '@preact/signals';

import { div, h, search } from '../../dom.js';
import { t } from '../../i18n.js';
import { FILTERS } from '../../pictures/store.js';
import { route, setQuery } from '../../router.js';
import { Button } from '../../ui/button.js';
import { Choice, Day, Filter, Typed, clear, filterOf, useModels } from '../../ui/filter.js';
import { icon } from '../../ui/icon.js';

/** The filter that the address names. */
export const filterHere = () => filterOf(FILTERS);

/** Take all filters away. */
export const clearFilter = () => clear(FILTERS);

export function Filters() {
  const open = useSignal(FILTERS.some((name) => name !== 'q' && name !== 'starred' && route.value.query[name]));
  const { query } = route.value;
  const used = FILTERS.filter((name) => name !== 'q' && name !== 'starred' && query[name]).length;
  return search(
    { class: 'filters gallery-search' },
    div(
      { class: 'filter-line' },
      icon('search'),
      h(Typed, { name: 'q', label: t('gallery.search'), class: 'filter-words', type: 'search', most: 200, slash: true }),
      h(Button, { text: t('gallery.starred'), icon: 'star', filled: !!query.starred, bare: true, pressed: !!query.starred, onClick: () => setQuery({ starred: query.starred ? null : 'true' }) }),
      h(Button, { text: t('ui.filters'), icon: 'filter', expanded: open.value, pressed: used > 0, hint: used ? String(used) : '', class: 'gallery-more', onClick: () => (open.value = !open.value) }),
    ),
    open.value && h(Panel, {}),
  );
}

function Panel() {
  const models = useModels();
  return div(
    { class: 'filter-panel' },
    h(Choice, { name: 'model', label: t('gallery.model'), choices: models }),
    h(Choice, { name: 'kind', label: t('gallery.kind'), choices: [['image', t('gallery.kind_image')], ['video', t('gallery.kind_video')], ['audio', t('gallery.kind_audio')]] }),
    h(Choice, { name: 'size', label: t('gallery.size'), choices: [['1k', t('gallery.size_1k')], ['2k', t('gallery.size_2k')], ['4k', t('gallery.size_4k')]] }),
    h(Filter, { label: t('gallery.user') }, h(Typed, { name: 'user_id', label: t('gallery.user') })),
    h(Day, { name: 'from' }),
    h(Day, { name: 'to' }),
    h(Button, { text: t('ui.clear_filter'), kind: 'plain', onClick: clearFilter }),
  );
}
