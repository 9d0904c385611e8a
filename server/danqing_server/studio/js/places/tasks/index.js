/** Tasks: what was asked for, how each stands, and what it cost; the filter is the address. */

import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect } from 'preact/hooks';

import { div, fragment, h, h1, p, search, section, span } from '../../dom.js';
import { dateTime, number } from '../../format.js';
import { t } from '../../i18n.js';
import { bind } from '../../keys.js';
import { address, route, setQuery } from '../../router.js';
import { may, oversees } from '../../session.js';
import { Button, Menu } from '../../ui/button.js';
import { Segments } from '../../ui/field.js';
import { Choice, Day, Filter, Typed, clear, useModels } from '../../ui/filter.js';
import { icon } from '../../ui/icon.js';
import { Empty, Problem, Skeleton } from '../../ui/states.js';
import { BulkDialog, begin } from './bulk.js';
import { all, chooseAll, chooseNone, count, here, toggle } from './choosing.js';
import { List, placeHere, walkTo } from './list.js';
import { FILTERS, cursor, filterHere, follow, fresh, isMore, letIn, load, loading, more, rows, searchedTo, total, wrong } from './store.js';

/** What is looked at most, and what of the filter it stands for. */
const VIEWS = /** @type {const} */ ({
  all: {},
  waiting: { status: 'pending,scheduled' },
  running: { status: 'processing' },
  failed: { status: 'failed' },
  partial: { partial: 'true' },
  doubt: { status: 'completed,failed,cancelled', billed: 'unknown' },
  done: { status: 'completed' },
  cancelled: { status: 'cancelled' },
});
const OF_VIEW = /** @type {const} */ (['status', 'billed', 'partial']);
const MORE = FILTERS.filter((name) => name !== 'q' && !OF_VIEW.some((each) => each === name));

/** @typedef {keyof typeof VIEWS} View */

/** @param {Record<string, string | undefined>} query */
const viewOf = (query) =>
  /** @type {[View, Record<string, string>][]} */ (Object.entries(VIEWS)).find(([, part]) => OF_VIEW.every((name) => (query[name] ?? '') === (part[name] ?? '')))?.[0] ?? null;

/** @param {View} view */
const look = (view) => setQuery({ status: null, billed: null, partial: null, ...VIEWS[view] });

const clearFilter = () => clear(FILTERS);

/** @param {(id: string) => void} act */
const withHere = (act) => () => void (here.value && act(here.value));
const open = withHere((id) => setQuery({ task: id }));

/** @type {Record<string, import('../../keys.js').Binding>} */
const WALKING = {
  j: [() => walkTo(placeHere() + 1), 'tasks.key_next'],
  k: [() => walkTo(placeHere() - 1), 'tasks.key_before'],
  ArrowDown: [() => walkTo(placeHere() + 1), 'tasks.key_next'],
  ArrowUp: [() => walkTo(placeHere() - 1), 'tasks.key_before'],
  PageDown: [() => walkTo(placeHere() + 12), 'tasks.key_page'],
  PageUp: [() => walkTo(placeHere() - 12), 'tasks.key_page_back'],
  Home: [() => walkTo(0), 'tasks.key_first'],
  End: [() => walkTo(Infinity), 'tasks.key_last'],
  Enter: [open, 'tasks.open'],
  '.': [open, 'tasks.open'],
};

/** @type {Record<string, import('../../keys.js').Binding>} */
const CHOOSING = {
  x: [withHere(toggle), 'tasks.key_choose'],
  ' ': [withHere(toggle), 'tasks.key_choose'],
  'Shift+ArrowDown': [() => walkTo(placeHere() + 1, true), 'tasks.key_range'],
  'Shift+ArrowUp': [() => walkTo(placeHere() - 1, true), 'tasks.key_range_back'],
  a: [chooseAll, 'tasks.choose_all'],
  r: [() => begin('retry'), 'tasks.retry'],
  Delete: [() => begin('delete'), 'tasks.delete'],
  Escape: [chooseNone, 'tasks.choose_none'],
};

export default function Tasks() {
  const filter = filterHere();
  const asked = JSON.stringify(filter);
  const covered = !!route.value.query.task;
  const choosable = may('generate');
  useEffect(() => {
    chooseNone();
    void load(filter);
  }, [asked]);
  useEffect(follow, []);
  useLayoutEffect(() => (covered ? undefined : bind('tasks', choosable ? { ...WALKING, ...CHOOSING } : WALKING)), [covered, choosable]);
  useEffect(() => {
    if (scrollY < 4 && fresh.value.length && !count.value) letIn();
  }, [fresh.value]);
  useEffect(() => {
    if (!rows.value.length && cursor.value && !loading.value) void more();
  }, [rows.value, cursor.value, loading.value]);
  return section({ class: 'page tasks' }, h(Head, {}), h(Found, { filtered: asked !== '{}', choosable }), choosable && count.value > 0 && h(ChosenBar, {}), h(BulkDialog, {}));
}

function Head() {
  const { query } = route.value;
  const used = MORE.filter((name) => query[name]).length;
  const opened = useSignal(used > 0);
  return div(
    { class: 'tasks-top' },
    div(
      { class: 'page-head' },
      h1({ class: 'page-title' }, t('place.tasks')),
      p({ class: 'tasks-count', role: 'status' }, total.value === null ? '' : t(total.value < 10_000 ? 'tasks.count' : 'tasks.count_more', { n: total.value })),
    ),
    div({ class: 'tasks-views' }, h(Segments, {
      label: t('tasks.view'), name: 'view', value: viewOf(query) ?? /** @type {any} */ (''), onChange: look,
      choices: /** @type {View[]} */ (Object.keys(VIEWS)).map((each) => /** @type {const} */ ([each, t(`tasks.view.${each}`)])),
    })),
    search(
      { class: 'filters' },
      div(
        { class: 'filter-line' },
        icon('search'),
        h(Typed, { name: 'q', label: t('tasks.search'), class: 'filter-words', type: 'search', most: 200, slash: true }),
        h(Button, { text: t('ui.filters'), icon: 'filter', expanded: opened.value, pressed: used > 0, hint: used ? number(used) : '', onClick: () => (opened.value = !opened.value) }),
      ),
      opened.value && h(Panel, {}),
    ),
    fresh.value.length > 0 && h(Button, { text: t('tasks.fresh', { n: fresh.value.length + (isMore.value ? '+' : '') }), icon: 'arrow_up', kind: 'primary', class: 'tasks-fresh', onClick: () => { letIn(); scrollTo({ top: 0, behavior: 'instant' }); } }),
  );
}

function Panel() {
  const models = useModels();
  return div(
    { class: 'filter-panel' },
    h(Choice, { name: 'model', label: t('tasks.model'), choices: models }),
    ['provider', 'user_id', ...(oversees() ? ['project'] : []), 'code'].map((name) => h(Filter, { label: t(`tasks.${name}`), key: name }, h(Typed, { name, label: t(`tasks.${name}`), most: name === 'code' ? 100 : 128 }))),
    h(Day, { name: 'from' }),
    h(Day, { name: 'to' }),
    h(Button, { text: t('ui.clear_filter'), kind: 'plain', onClick: clearFilter }),
  );
}

/** @param {{ filtered: boolean, choosable: boolean }} props */
function Found({ filtered, choosable }) {
  const searching = !!cursor.value && !!searchedTo.value;
  if (loading.value && !rows.value.length) return h(Skeleton, { lines: 8 });
  return fragment(
    !!wrong.value && h(Problem, { error: wrong.value, onRetry: () => void load(filterHere()) }),
    rows.value.length > 0 ? h(List, { choosable }) : !wrong.value && !searching && h(Nothing, { filtered }),
    searching && p({ class: 'tasks-searched', role: 'status' }, t('tasks.searched_to', { time: dateTime(/** @type {string} */ (searchedTo.value)) }), ' ', h(Button, { text: t('tasks.search_on'), kind: 'plain', onClick: () => void more() })),
  );
}

/** @param {{ filtered: boolean }} props */
const Nothing = ({ filtered }) =>
  filtered
    ? h(Empty, { title: t('ui.nothing_found'), action: h(Button, { text: t('ui.clear_filter'), onClick: clearFilter }) })
    : h(Empty, { title: t('tasks.empty'), text: t('tasks.empty_text'), action: h(Button, { text: t('ui.to_create'), kind: 'primary', href: address('create') }) });

const PRIORITIES = /** @type {const} */ (['high', 'normal', 'low']);

const ChosenBar = () =>
  div(
    { class: 'tasks-bar', role: 'group', 'aria-label': t('tasks.chosen', { n: count.value }) },
    span({ class: 'tasks-bar-count' }, t(all.value ? 'tasks.chosen_by_filter' : 'tasks.chosen', { n: count.value })),
    !all.value && h(Button, { text: t('tasks.choose_all'), kind: 'plain', onClick: chooseAll }),
    h(Button, { text: t('tasks.retry'), icon: 'reuse', onClick: () => begin('retry') }),
    h(Button, { text: t('tasks.cancel'), icon: 'close', onClick: () => begin('cancel') }),
    h(Menu, { button: { text: t('tasks.priority') }, items: PRIORITIES.map((each) => ({ text: t(`tasks.${each}`), onPick: () => begin('priority', each) })) }),
    h(Button, { text: t('tasks.delete'), icon: 'trash', kind: 'danger', onClick: () => begin('delete') }),
    h(Button, { text: t('tasks.choose_none'), icon: 'close', bare: true, kind: 'plain', onClick: chooseNone }),
  );
