/** What stands above every place: the sandbox, the lost connection, the new version. */

import { effect, signal } from '@preact/signals';

import { a, div, h, p, span } from '../dom.js';
import { clock } from '../format.js';
import { t } from '../i18n.js';
import { keep, kept } from '../kept.js';
import { connection } from '../live.js';
import { ROOT, address, link } from '../router.js';
import { me, signedOut, signingIn } from '../session.js';
import { Button } from '../ui/button.js';
import { icon } from '../ui/icon.js';

// The banner's room is there before it is known whether it is wanted: nothing moves under the reader's eyes.
effect(() => {
  if (me.value) keep('sandbox', me.value.sandbox ? null : 'no');
});

/** Whether the server has a newer page than this one, whose files are gone. */
export const outdated = signal(false);

const OWN = /\/v\/(\w+)\//.exec(import.meta.url)?.[1];
const LOOK_MS = 10 * 60_000;
let looked_ms = Date.now();

/** Ask which page the server has. */
export async function lookForNewer() {
  looked_ms = Date.now();
  const answer = await fetch(ROOT, { method: 'HEAD', cache: 'no-store' }).catch(() => null);
  const there = answer?.ok ? answer.headers.get('x-danqing-studio') : null;
  if (there) outdated.value = there !== OWN;
}

// A server that was replaced was away for a moment; one behind a balancer is looked at now and then.
const lookNowAndThen = () => void (!document.hidden && Date.now() - looked_ms >= LOOK_MS && lookForNewer());
let lost = false;
effect(() => {
  const { state } = connection.value;
  if (state === 'live' && lost) void lookForNewer();
  lost = state === 'offline' || (lost && state !== 'live');
});
setInterval(lookNowAndThen, LOOK_MS / 10);
document.addEventListener('visibilitychange', lookNowAndThen);

export const Banners = () =>
  div(
    { class: 'banners', role: 'region', 'aria-label': t('app.notices') },
    !me.value && kept('sandbox') !== 'no' && p({ class: 'banner banner-sandbox' }),
    me.value?.sandbox &&
      p(
        { class: 'banner banner-sandbox' },
        span({ class: 'banner-stripes', 'aria-hidden': 'true' }),
        span(null, t('app.sandbox')),
        a({ ...link(address('settings', {}, 'providers')) }, t('app.sandbox_how')),
      ),
    connection.value.state === 'offline' &&
      p({ class: 'banner banner-offline', role: 'status' }, icon('warning'), span(null, t('app.offline', { time: clock(new Date(connection.value.since).toISOString()) }))),
    signedOut.value &&
      div({ class: 'banner banner-version', role: 'status' }, icon('info'), span(null, t('app.signed_out')), h(Button, { text: t('app.sign_in'), kind: 'plain', onClick: () => (signingIn.value = true) })),
    outdated.value &&
      div({ class: 'banner banner-version', role: 'status' }, icon('info'), span(null, t('app.new_version')), h(Button, { text: t('app.reload'), kind: 'plain', onClick: () => location.reload() })),
  );
