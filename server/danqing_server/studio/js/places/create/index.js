/** Create: the form, and beside it what came of it today. */

import { useEffect } from 'preact/hooks';

import { a, button, div, h, h1, h2, section, span } from '../../dom.js';
import { language, t } from '../../i18n.js';
import { address, link, route, setQuery } from '../../router.js';
import { Button } from '../../ui/button.js';
import { Problem } from '../../ui/problem.js';
import { Skeleton } from '../../ui/skeleton.js';
import { setValue } from './drafts.js';
import { Form } from './form.js';
import { later } from './around.js';
import { choices, load as loadModels, trouble as modelTrouble } from './models.js';
import { EXAMPLES } from './texts.js';
import { follow, ids, load, loaded, setSounding, sounding, trouble } from './today.js';

export { texts } from './texts.js';

const Card = later(() => import('./card.js'));

export default function Create() {
  useEffect(follow, []);
  const { reuse: task, reference: uri } = route.value.query;
  const ready = choices.value.length > 0;
  useEffect(() => {
    if (!ready || (!task && !uri)) return;
    setQuery({ reuse: null, reference: null }, { replace: true });
    void import('./reuse.js').then(async ({ reference, reuse }) => {
      if (task) await reuse(task);
      if (uri) reference(uri);
    });
  }, [ready, task, uri]);
  return div(
    { class: 'create' },
    section(
      { class: 'create-side' },
      h1({ class: 'unseen' }, t('place.create')),
      ready ? h(Form, {}) : modelTrouble.value ? h(Problem, { error: modelTrouble.value, onRetry: () => void loadModels() }) : h(Skeleton, { lines: 8 }),
    ),
    section(
      { class: 'today', 'aria-labelledby': 'create-today' },
      div(
        { class: 'today-head' },
        h2({ id: 'create-today' }, t('create.today')),
        h(Button, { text: t('create.sound'), icon: 'sound', kind: 'plain', bare: true, pressed: sounding.value, onClick: () => setSounding(!sounding.value) }),
      ),
      !!trouble.value && h(Problem, { error: trouble.value, onRetry: () => void load() }),
      !loaded.value && !trouble.value && !ids.value.length ? h(Skeleton, { tiles: 6 })
      : ids.value.length ? div({ class: 'results' }, ids.value.map((id, place) => h(Card, { key: id, id, place })))
      : h(Examples, {}),
      ids.value.length > 0 && a({ ...link(address('tasks')), class: 'earlier' }, t('create.before')),
    ),
  );
}

/** Before anything was painted: three prompts to begin with. */
const Examples = () =>
  div(
    { class: 'examples' },
    div({ class: 'empty-brush', 'aria-hidden': 'true' }),
    span({ class: 'empty-title' }, t('create.begin')),
    EXAMPLES.map((each) => {
      const text = each[language.value === 'zh' ? 1 : 0] ?? '';
      return button(
        {
          type: 'button', class: 'example', key: text,
          onClick: () => {
            setValue('prompt', text);
            document.getElementById('create-prompt')?.focus();
          },
        },
        text,
      );
    }),
  );
