/** The beginning: who asks, then the frame. */

import { render } from 'preact';

import { h } from './dom.js';
import { Frame, bindPlaces } from './frame/frame.js';
import { start } from './live.js';
import { load } from './session.js';

bindPlaces();
load().catch(() => {}); // the frame says that the server is away, and live.js when it is back
start();
render(h(Frame, {}), /** @type {HTMLElement} */ (document.getElementById('app')));
