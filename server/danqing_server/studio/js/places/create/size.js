/** How large: named tiers, a step and a shape, a list, or sides of one's own within the model's limits. */

import { useSignal } from '@preact/signals';

import { button, div, h, input, span } from '../../dom.js';
import { number } from '../../format.js';
import { t } from '../../i18n.js';
import { Field, described } from '../../ui/field.js';
import { frameOf, several } from './models.js';

const SHAPES = /** @type {const} */ ([[1, 1], [4, 3], [3, 2], [16, 9], [21, 9], [3, 4], [2, 3], [9, 16]]);

/** @typedef {import('./models.js').Hints} Hints */

/** @param {unknown} size @returns {[number, number] | null} */
export function pixelsOf(size) {
  const found = /^(\d{1,6})[x*×](\d{1,6})$/i.exec(String(size ?? ''));
  return found ? [Number(found[1]), Number(found[2])] : null;
}

/**
 * Return the sides of a picture as large as a square of *side*, in the shape *across* to *down*, within the limits of
 * *ui*; null where it cannot be.
 *
 * @param {Hints} ui
 * @param {number} side
 * @param {number} across
 * @param {number} down
 * @returns {[number, number] | null}
 */
export function shaped(ui, side, across, down) {
  const step = Math.max(ui.step ?? 1, 16);
  const root = Math.sqrt(across / down);
  /** @type {(length: number) => number} */
  const fit = (length) => Math.max(step, Math.round(length / step) * step);
  let [width, height] = [fit(side * root), fit(side / root)];
  const [least = 0, most = Infinity] = ui.area ?? [];
  while (width * height > most) [width, height] = [width - step, fit((width - step) * (down / across))];
  while (width * height < least) [width, height] = [width + step, fit((width + step) * (down / across))];
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const [shortest = 1, longest = Infinity] = ui.sides ?? [];
  const fits = short >= shortest && long <= longest && long <= short * (ui.widest ?? Infinity) && width * height <= most;
  return fits ? [width, height] : null;
}

/** @param {Hints} ui @returns {Record<string, number>} */
const stepsOf = (ui) => (ui.free ? (ui.squares ?? {}) : {});

/** @param {import('./models.js').WidgetProps} props */
export function SizeField(props) {
  const { field, value, set, id } = props;
  const { ui } = field;
  const steps = stepsOf(ui);
  const others = [...several(ui.tiers).filter((each) => !(each in steps)), ...several(ui.sizes), ...(ui.tiers || ui.sizes ? [] : several(field.schema.enum))];
  const shown = String(value ?? field.schema.default ?? '');
  const pixels = pixelsOf(shown);
  const step = stepOf(ui, steps, shown);
  const custom = useSignal(false);
  const separator = ui.separator ?? 'x';
  const stay = () => (custom.value = true); // what is typed may be a step's size on the way
  /** @param {readonly [number, number]} found */
  const write = ([width, height]) => set(`${width}${separator}${height}`);
  const listed = others.includes(shown);
  const open = custom.value || (!!pixels && value !== undefined && !step && !listed);
  const frame = { ...frameOf(props), aside: pixels ? t('create.pixels', { width: number(pixels[0], { useGrouping: false }), height: number(pixels[1], { useGrouping: false }) }) : shown && !others.includes(shown) && !(shown in steps) ? shown : undefined };
  if (ui.free) frame.help = ui.advice;
  return h(
    Field,
    frame,
    div(
      { ...described(frame), class: 'size', role: 'group', 'aria-label': field.title, tabIndex: -1 },
      div(
        { class: 'chips' },
        Object.entries(steps).map(([name, side]) => chip(name, name === step || name === shown, () => set(name === value ? undefined : named(ui, name) ?? written(shaped(ui, side, 1, 1), separator)))),
        others.map((each) => chip(field.ui.labels?.[each] ?? each.replace(/[x*]/, ' × '), value === each, () => set(value === each ? undefined : each))),
        ui.free && chip(t('create.custom'), open, () => {
          custom.value = !open;
          if (!open && !pixels) write(shaped(ui, steps[step] ?? Object.values(steps)[0] ?? 1024, 1, 1) ?? [1024, 1024]);
        }, open),
      ),
      step && div(
        { class: 'chips shapes', role: 'group', 'aria-label': t('create.shape') },
        named(ui, step) && chip(t('create.any_shape'), value === step, () => set(step)),
        SHAPES.map(([across, down]) => {
          const found = shaped(ui, /** @type {number} */ (steps[step]), across, down);
          return found && button(
            { type: 'button', key: `${across}:${down}`, class: 'chip shape', 'aria-pressed': !!pixels && shown === written(found, separator), title: `${found[0]} × ${found[1]}`, onClick: () => write(found) },
            span({ class: `shape-box shape-${across}-${down}`, 'aria-hidden': 'true' }),
            `${across}:${down}`,
          );
        }),
      ),
      open && div(
        { class: 'stepper' },
        side(`${id}-width`, t('create.width'), pixels?.[0], (found) => write([found, pixels?.[1] ?? found]), stay),
        '×',
        side(`${id}-height`, t('create.height'), pixels?.[1], (found) => write([pixels?.[0] ?? found, found]), stay),
        span({ class: 'field-aside' }, 'px'),
      ),
      open && div({ class: 'field-help' }, limits(ui)),
    ),
  );
}

/** @param {Hints} ui @param {string} step @returns {string | undefined} a step that the service knows by its name */
const named = (ui, step) => (ui.tiers?.includes(step) ? step : undefined);

/** @param {[number, number] | null} pixels @param {string} separator */
const written = (pixels, separator) => (pixels ? `${pixels[0]}${separator}${pixels[1]}` : undefined);

/** @param {Hints} ui @param {Record<string, number>} steps @param {string} size @returns {string} the step that *size* is of, or nothing */
function stepOf(ui, steps, size) {
  if (size in steps) return size;
  const found = pixelsOf(size);
  if (!found) return '';
  const same = Object.entries(steps).find(([, side]) => SHAPES.some(([across, down]) => {
    const made = shaped(ui, side, across, down);
    return made && made[0] === found[0] && made[1] === found[1];
  }));
  return same?.[0] ?? '';
}

/** @param {string} text @param {boolean} pressed @param {() => void} onClick @param {boolean} [expanded] */
const chip = (text, pressed, onClick, expanded) =>
  button({ type: 'button', key: text, class: 'chip', 'aria-pressed': pressed, 'aria-expanded': expanded, onClick }, text);

/**
 * @param {string} id
 * @param {string} text
 * @param {number | undefined} value 0: nothing is written there
 * @param {(value: number) => void} set at each key, since Ctrl and Enter send what is written so far
 * @param {() => void} onFocus
 */
const side = (id, text, value, set, onFocus) =>
  input({ id, class: 'input side-input', inputMode: 'numeric', 'aria-label': text, value: value || '', maxLength: 6, autocomplete: 'off', onFocus, onInput: (event) => set(Number.parseInt(event.currentTarget.value, 10) || 0) });

/** @param {Hints} ui what sides may be, in words */
function limits(ui) {
  const said = [];
  if (ui.sides) said.push(t('create.sides', { least: ui.sides[0], most: ui.sides[1] }));
  if (ui.area) said.push(t('create.area', { least: ui.area[0], most: ui.area[1] }));
  if (ui.step) said.push(t('create.step', { step: ui.step }));
  if (ui.widest) said.push(t('create.widest', { widest: ui.widest }));
  return said.join(' · ');
}
