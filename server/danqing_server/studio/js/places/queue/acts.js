/** What operators do with a lane: pause, resume, open, probe; each says what it means before it is done. */

import { signal, useSignal } from '@preact/signals';

import { ApiError, api } from '../../api.js';
import { form, h, p } from '../../dom.js';
import { t } from '../../i18n.js';
import { lookAtLanes } from '../../live.js';
import { announce, notify } from '../../ui/announce.js';
import { Button } from '../../ui/button.js';
import { Confirm, Dialog } from '../../ui/dialog.js';
import { SelectField, TextField } from '../../ui/field.js';
import { Problem, messageOf } from '../../ui/states.js';

/** @typedef {import('../../live.js').Lane} Lane */

/** The lane at which something is being done. @type {import('@preact/signals').Signal<string | null>} */
export const busy = signal(null);

/** @type {import('@preact/signals').Signal<{ act: 'pause' | 'open', lane: Lane } | null>} */
const asked = signal(null);

const DURATIONS = /** @type {const} */ ([['', 'queue.for_ever'], ['15', 'queue.for_15'], ['60', 'queue.for_60'], ['480', 'queue.for_480'], ['1440', 'queue.for_1440']]);

/**
 * Ask for what is needed first.
 *
 * @param {'pause' | 'open'} act
 * @param {Lane} lane
 */
export const begin = (act, lane) => {
  asked.value = { act, lane };
};

/**
 * @param {Lane} lane
 * @param {string} act
 * @param {Record<string, unknown>} body
 */
async function carryOut(lane, act, body) {
  busy.value = lane.name;
  try {
    await api.post(`/lanes/${encodeURIComponent(lane.name)}/${act}`, body);
    announce(t(`queue.did.${body.open ? 'open' : act}`, { lane: lane.name }));
  } finally {
    busy.value = null;
    await lookAtLanes();
  }
}

/** @param {unknown} error */
const tellOf = (error) => notify(error instanceof ApiError && error.code === 'lane_changed' ? t('queue.changed') : messageOf(error), { kind: 'wrong' });

/** @param {Lane} lane */
export const resume = (lane) => carryOut(lane, 'resume', { revision: lane.revision }).catch(tellOf);

/** @param {Lane} lane */
export const probe = (lane) => carryOut(lane, 'probe', {}).catch(tellOf);

/** The dialog that is open, if one is. */
export function Acting() {
  const close = () => (asked.value = null);
  const now = asked.value;
  if (!now) return null;
  if (now.act === 'pause') return h(PauseDialog, { lane: now.lane, onClose: close });
  return h(Confirm, {
    title: t('queue.open_title', { lane: now.lane.name }),
    text: t('queue.open_text', { n: now.lane.queued }),
    action: t('queue.open_now'),
    busy: busy.value === now.lane.name,
    onDo: () => void carryOut(now.lane, 'resume', { open: true, revision: now.lane.revision }).catch(tellOf).then(close),
    onClose: close,
  });
}

/** @param {{ lane: Lane, onClose: () => void }} props */
function PauseDialog({ lane, onClose }) {
  const reason = useSignal('');
  const minutes = useSignal('');
  /** @type {import('@preact/signals').Signal<unknown>} */
  const wrong = useSignal(null);
  const send = async () => {
    wrong.value = null;
    const until = minutes.value ? new Date(Date.now() + Number(minutes.value) * 60_000).toISOString() : null;
    try {
      await carryOut(lane, 'pause', { reason: reason.value.trim(), until, revision: lane.revision });
      onClose();
    } catch (error) {
      wrong.value = error;
    }
  };
  const fault = wrong.value instanceof ApiError ? wrong.value.problems.find((each) => each.field === 'reason')?.message : null;
  return h(
    Dialog,
    {
      title: t('queue.pause_title', { lane: lane.name }),
      onClose,
      actions: [
        h(Button, { text: t('ui.cancel'), onClick: onClose, key: 'no' }),
        h(Button, { text: t('queue.pause_now'), kind: 'primary', icon: 'pause', busy: busy.value === lane.name, key: 'yes', type: 'submit', form: 'pause-form' }),
      ],
    },
    p(null, t('queue.pause_text')),
    form(
      { id: 'pause-form', class: 'queue-form', onSubmit: (event) => { event.preventDefault(); void send(); } },
      h(TextField, { id: 'pause-reason', label: t('queue.reason'), help: t('queue.reason_help'), error: fault, value: reason.value, onInput: (value) => (reason.value = value), autocomplete: 'off' }),
      h(SelectField, { id: 'pause-until', label: t('queue.how_long'), value: minutes.value, choices: DURATIONS.map(([value, name]) => /** @type {const} */ ([value, t(name)])), onChange: (value) => (minutes.value = value) }),
    ),
    !!wrong.value && !fault && h(Problem, { error: wrong.value }),
  );
}
