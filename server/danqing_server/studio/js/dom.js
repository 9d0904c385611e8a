/**
 * One typed function a tag: `div({ class: 'row' }, 'text', span(null, more))`.
 *
 * Preact's own `h` is generic in its props, so that a misspelt attribute would pass; here the props of each tag, and of
 * each component given to `h`, are checked as they are.
 */

import { Fragment, h as create } from 'preact';
import { useEffect } from 'preact/hooks';
import { signal } from '@preact/signals';

const AGAIN_MS = 2_000;

/** @typedef {import('preact').ComponentChildren | import('@preact/signals').ReadonlySignal<unknown>} Child */
/** @typedef {{ [name: `data-${string}`]: string | number | boolean | undefined }} DataProps */
/** @typedef {import('preact').JSX.IntrinsicElements} Tags */

/**
 * @template {keyof Tags} Name
 * @typedef {(props?: (Tags[Name] & DataProps) | null, ...children: Child[]) => import('preact').VNode<any>} TagFunction
 */

/**
 * @template Props
 * @typedef {(props?: (Props & import('preact').ClassAttributes<HTMLInputElement> & DataProps) | null, ...children: Child[]) => import('preact').VNode<any>} TagFunctionOf
 */

/**
 * @template {keyof Tags} Name
 * @param {Name} name
 * @returns {TagFunction<Name>}
 */
const tag = (name) => (props, ...children) => create(/** @type {any} */ (name), /** @type {any} */ (props ?? null), .../** @type {any} */ (children));

/**
 * Make an element of a component; its props are checked strictly.
 *
 * @template P
 * @param {(props: P) => import('preact').ComponentChildren} component
 * @param {NoInfer<P> & { key?: string | number }} props
 * @param {...Child} children
 * @returns {import('preact').VNode<any>}
 */
export const h = (component, props, ...children) =>
  create(/** @type {any} */ (component), /** @type {any} */ (props), .../** @type {any} */ (children));

/**
 * Several nodes without one around them.
 *
 * @param {...Child} children
 */
export const fragment = (...children) => create(Fragment, null, .../** @type {any} */ (children));

/**
 * Return a component that loads its module when it is first shown; nothing is there until then. A module that did not
 * come is asked for again, ever more rarely.
 *
 * @template P
 * @param {() => Promise<{ default: (props: P) => import('preact').ComponentChildren }>} load
 * @returns {(props: P) => import('preact').ComponentChildren}
 */
export function later(load) {
  const found = signal(/** @type {((props: any) => import('preact').ComponentChildren) | null} */ (null));
  return (props) => {
    useEffect(() => {
      let [timer, wait_ms] = [0, AGAIN_MS];
      const ask = () => load().then((module) => (found.value = module.default), (error) => {
        console.warn(error);
        timer = setTimeout(ask, wait_ms);
        wait_ms *= 2;
      });
      if (!found.value) ask();
      return () => clearTimeout(timer);
    }, []);
    return found.value ? h(found.value, /** @type {any} */ (props)) : null;
  };
}

export const a = tag('a');
export const article = tag('article');
export const aside = tag('aside');
export const audio = tag('audio');
export const button = tag('button');
export const caption = tag('caption');
export const code = tag('code');
export const datalist = tag('datalist');
export const dd = tag('dd');
export const details = tag('details');
export const dialog = tag('dialog');
export const div = tag('div');
export const dl = tag('dl');
export const dt = tag('dt');
export const fieldset = tag('fieldset');
export const figcaption = tag('figcaption');
export const figure = tag('figure');
export const form = tag('form');
export const h1 = tag('h1');
export const h2 = tag('h2');
export const h3 = tag('h3');
export const header = tag('header');
export const img = tag('img');
/** @type {TagFunctionOf<import('preact').LooseInputHTMLAttributes & { list?: string }>} Preact's own type forbids a `type` that is chosen at run time. */
export const input = /** @type {any} */ (tag('input'));
export const kbd = tag('kbd');
export const label = tag('label');
export const legend = tag('legend');
export const li = tag('li');
export const main = tag('main');
export const meter = tag('meter');
export const nav = tag('nav');
export const ol = tag('ol');
export const optgroup = tag('optgroup');
export const option = tag('option');
export const p = tag('p');
export const pre = tag('pre');
export const progress = tag('progress');
export const search = tag('search');
export const section = tag('section');
export const select = tag('select');
export const small = tag('small');
export const span = tag('span');
export const strong = tag('strong');
export const summary = tag('summary');
export const table = tag('table');
export const tbody = tag('tbody');
export const td = tag('td');
export const textarea = tag('textarea');
export const tfoot = tag('tfoot');
export const th = tag('th');
export const thead = tag('thead');
export const time = tag('time');
export const tr = tag('tr');
export const ul = tag('ul');
export const video = tag('video');

export const g = tag('g');
export const line = tag('line');
export const path = tag('path');
export const rect = tag('rect');
export const svg = tag('svg');
export const svgTitle = tag('title');
