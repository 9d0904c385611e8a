/**
 * What is read out: one polite line, at most every five seconds, the last one wins. And notices that stay until put away.
 *
 * Both stand in the modal dialog that is on top, if there is one: what is outside it can be neither seen, pressed nor heard.
 */

import { render } from 'preact';
import { signal } from '@preact/signals';

import { button, div, h, p } from '../dom.js';
import { t } from '../i18n.js';
import { Button } from './button.js';
import { icon } from './icon.js';

const PAUSE_MS = 5_000;

const line = signal('');
let next = '';
let timer = 0;
let last_ms = -PAUSE_MS;

/** @param {string} text */
export function announce(text) {
  next = text;
  clearTimeout(timer);
  timer = setTimeout(() => {
    last_ms = performance.now();
    line.value = next;
  }, Math.max(50, last_ms + PAUSE_MS - performance.now()));
}

const LiveRegion = () => div({ class: 'unseen', role: 'status', 'aria-live': 'polite' }, line.value);

/**
 * @typedef {object} Notice
 * @property {number} id
 * @property {string} text
 * @property {'info' | 'wrong'} kind
 * @property {{ text: string, onPick: () => void }} [action]
 * @property {() => void} stay as long as somebody is there
 * @property {() => void} go
 * @property {() => void} end
 */

/** @type {import('@preact/signals').Signal<Notice[]>} */
const notices = signal([]);
let count = 0;

/**
 * Show a line above everything; what is wrong stays until it is put away, the rest for *seconds*, longer for who is
 * there with mouse or keyboard. Returns what ends it.
 *
 * @param {string} text
 * @param {{ kind?: 'info' | 'wrong', action?: { text: string, onPick: () => void }, seconds?: number, onEnd?: () => void }} [options]
 */
export function notify(text, { kind = 'info', action, seconds = 8, onEnd } = {}) {
  const id = ++count;
  let over = false;
  const end = () => {
    notices.value = notices.value.filter((each) => each.id !== id);
    if (!over) onEnd?.();
    over = true;
  };
  let timer = 0;
  const stay = () => clearTimeout(timer);
  const go = () => {
    stay();
    if (kind !== 'wrong') timer = setTimeout(end, seconds * 1000);
  };
  notices.value = [...notices.value, { id, text, kind, action: action && { ...action, onPick: () => { over = true; end(); action.onPick(); } }, stay, go, end }];
  go();
  if (kind !== 'wrong') announce(text); // an alert is read by itself
  return end;
}

const Notices = () =>
  div(
    { class: 'notices' },
    notices.value.map((each) =>
      div(
        {
          class: `notice notice-${each.kind}`, key: each.id, role: each.kind === 'wrong' ? 'alert' : undefined,
          onMouseEnter: each.stay, onMouseLeave: each.go, onFocusIn: each.stay, onFocusOut: each.go,
        },
        each.kind === 'wrong' && icon('warning'),
        p(null, each.text),
        each.action && button({ type: 'button', class: 'notice-action', onClick: each.action.onPick }, each.action.text),
        h(Button, { text: t('ui.dismiss'), icon: 'close', bare: true, kind: 'plain', onClick: each.end }),
      ),
    ),
  );

const said = document.createElement('div');

/** The modal dialogs that are open, the one on top last. @type {HTMLElement[]} */
const over = [];

const place = () => (over.at(-1) ?? document.body).append(said);

/** Begin; called once. */
export function start() {
  place();
  render([h(Notices, { key: 'notices' }), h(LiveRegion, { key: 'line' })], said);
}

/** @param {HTMLElement} dialog is on top from now on */
export function standIn(dialog) {
  leave(dialog);
  over.push(dialog);
  place();
}

/** @param {HTMLElement} dialog is shut */
export function leave(dialog) {
  over.splice(0, over.length, ...over.filter((each) => each !== dialog));
  place();
}
