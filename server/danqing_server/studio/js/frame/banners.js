/** What stands above every place: the sandbox, the lost connection, the new version. */

import { effect, signal } from '@preact/signals';

import { a, div, h, p, span } from '../dom.js';
import { clock } from '../format.js';
import { t } from '../i18n.js';
import { keep, kept } from '../kept.js';
import { connection } from '../live.js';
import { address, link } from '../router.js';
import { me, signedOut, signingIn } from '../session.js';
import { Button } from '../ui/button.js';
import { icon } from '../ui/icon.js';

// The banner's room is there before it is known whether it is wanted: nothing moves under the reader's eyes.
effect(() => {
  if (me.value) keep('sandbox', me.value.sandbox ? null : 'no');
});

/** Whether the server has a newer page than this one. */
export const outdated = signal(false);

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
