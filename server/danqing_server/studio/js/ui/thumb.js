/** A picture, small: its place is there before its bytes are. */

import { img } from '../dom.js';

const WIDTHS = [256, 512, 1024];

/**
 * Return a picture's address at a width that is made for it; what is not ours is left as it is.
 *
 * @param {string} url
 * @param {number} width CSS pixels
 */
export function thumbOf(url, width) {
  const wanted = width * Math.min(devicePixelRatio, 2);
  const fit = WIDTHS.find((each) => each >= wanted) ?? 1024;
  return `${pathOf(url)}?w=${fit}`;
}

/**
 * Return the path of one of the server's own pictures: its `url` may name another host that leads here, too.
 *
 * @param {string} url
 */
export function pathOf(url) {
  const at = url.indexOf('/api/v1/assets/');
  return at < 0 ? url : url.slice(at);
}

/**
 * @param {{ url: string, alt: string, width: number, size?: { width: number, height: number } | null, eager?: boolean,
 *   class?: string, color?: string | null }} props
 */
export function Thumb({ url, alt, width, size, eager = false, class: name, color }) {
  return img({
    class: name ? `thumb ${name}` : 'thumb',
    src: thumbOf(url, width),
    alt,
    width: size?.width,
    height: size?.height,
    loading: eager ? 'eager' : 'lazy',
    decoding: 'async',
    draggable: false,
    ref: (node) => {
      if (node && color) node.style.backgroundColor = color;
    },
  });
}
