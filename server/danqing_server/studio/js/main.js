/** The beginning: who asks, then the frame. */

import { render } from 'preact';

import { h } from './dom.js';
import { Frame, bindPlaces } from './frame/frame.js';
import { start } from './live.js';
import { load } from './session.js';
import { start as startSaying } from './ui/announce.js';
import { start as keepFocus } from './ui/focus.js';

const AGAIN_MS = 3_000;

/** Ask who we are until the server says it; the frame says meanwhile that it is away. */
const begin = () => void load().catch(() => setTimeout(begin, AGAIN_MS));

/** A file that falls beside what takes it does not replace the page. @param {DragEvent} event */
const stay = (event) => void (event.dataTransfer?.types.includes('Files') && event.preventDefault());

addEventListener('dragover', stay);
addEventListener('drop', stay);
bindPlaces();
begin();
start();
startSaying();
keepFocus();
render(h(Frame, {}), /** @type {HTMLElement} */ (document.getElementById('app')));
