/** This browser: what the page keeps here, and nowhere else. */

import { useSignal } from '@preact/signals';

import { datalist, div, h, option, section } from '../../dom.js';
import { exactTime } from '../../format.js';
import { THEMES, speak, theme } from '../../frame/bar.js';
import { loaded } from '../../frame/frame.js';
import { language, t } from '../../i18n.js';
import { keep, kept } from '../../kept.js';
import { letters } from '../../keys.js';
import { chooseZone, isZone, me, zone } from '../../session.js';
import { Segments, Switch, TextField } from '../../ui/field.js';
import { now } from '../../ui/time.js';
import { Head } from './asking.js';

const DENSITIES = /** @type {const} */ (['s', 'm', 'l']); // the Gallery's
const ZONES = /** @type {string[]} */ (/** @type {any} */ (Intl).supportedValuesOf?.('timeZone') ?? []);

export function Browser() {
  const density = useSignal(DENSITIES.find((each) => each === kept('density')) ?? 'm');
  const written = useSignal(kept('zone') ?? '');
  const wrong = useSignal(!!written.value && !isZone(written.value));
  const sound = useSignal(kept('sound') === 'on');
  /** @param {boolean} on */
  const setSound = (on) => {
    sound.value = on;
    keep('sound', on ? 'on' : null);
    if (loaded.value['places/create']) import('../create/today.js').then((create) => create.setSounding(on));
  };
  /** @param {boolean} on */
  const setLetters = (on) => {
    letters.value = on;
    keep('letters', on ? null : 'off');
  };
  /** @param {string} value */
  const setZone = (value) => {
    written.value = value;
    wrong.value = value !== '' && !isZone(value);
    if (wrong.value) return;
    keep('zone', value || null);
    chooseZone(value || null);
  };
  return section(
    { class: 'browser' },
    h(Head, { title: t('settings.browser'), text: t('browser.about') }),
    div({ class: 's-setting' }, div({ class: 's-setting-name' }, t('language.label')), h(Segments, { label: t('language.label'), name: 'language', value: language.value, choices: [['en', 'English'], ['zh', '中文']], onChange: speak })),
    div({ class: 's-setting' }, div({ class: 's-setting-name' }, t('theme.label')), h(Segments, { label: t('theme.label'), name: 'theme', value: theme.value, choices: THEMES.map((each) => /** @type {const} */ ([each, t(`theme.${each}`)])), onChange: (/** @type {typeof THEMES[number]} */ value) => (theme.value = value) })),
    div(
      { class: 's-setting s-setting-wide' },
      h(TextField, {
        id: 'browser-zone', label: t('browser.zone'), value: written.value, onInput: setZone, list: 'zones', placeholder: me.value?.zone ?? zone.value,
        help: t('browser.zone_help', { time: exactTime(new Date(now.value).toISOString()), zone: zone.value }), error: wrong.value ? t('browser.no_zone') : null, autocomplete: 'off', spellcheck: false,
      }),
      datalist({ id: 'zones' }, ZONES.map((each) => option({ value: each, key: each }))),
    ),
    h(Switch, { id: 'browser-letters', label: t('browser.letters'), help: t('browser.letters_help'), on: letters.value, onChange: setLetters }),
    h(Switch, { id: 'browser-sound', label: t('browser.sound'), on: sound.value, onChange: setSound }),
    div({ class: 's-setting' }, div({ class: 's-setting-name' }, t('browser.density')), h(Segments, { label: t('browser.density'), name: 'density', value: density.value, choices: DENSITIES.map((each) => /** @type {const} */ ([each, t(`browser.density_${each}`)])), onChange: (/** @type {typeof DENSITIES[number]} */ value) => { density.value = value; keep('density', value); } })),
  );
}
