/**
 * SHA-256 of a file, a piece at a time: by plain http in a LAN a browser gives no `crypto.subtle`, and a film does not
 * fit into memory. Source: FIPS 180-4, section 6.2.
 */

const K = new Uint32Array(64);
const START = new Uint32Array(8);
const PIECE_BYTES = 1 << 19;

let found = 0;
for (let number = 2; found < 64; number++) {
  let prime = true;
  for (let each = 2; each * each <= number; each++) if (number % each === 0) prime = false;
  if (!prime) continue;
  if (found < 8) START[found] = Math.floor((Math.sqrt(number) % 1) * 2 ** 32);
  K[found++] = Math.floor((Math.cbrt(number) % 1) * 2 ** 32);
}

/**
 * @param {Uint32Array} state
 * @param {DataView} view
 * @param {number} at
 * @param {Int32Array} words
 */
function mix(state, view, at, words) {
  for (let n = 0; n < 16; n++) words[n] = view.getInt32(at + n * 4);
  for (let n = 16; n < 64; n++) {
    const x = /** @type {number} */ (words[n - 15]);
    const y = /** @type {number} */ (words[n - 2]);
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[n] = (/** @type {number} */ (words[n - 16]) + s0 + /** @type {number} */ (words[n - 7]) + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = /** @type {[number, number, number, number, number, number, number, number]} */ (/** @type {unknown} */ (state));
  for (let n = 0; n < 64; n++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    /** @type {number} */
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + /** @type {number} */ (K[n]) + /** @type {number} */ (words[n])) | 0;
    /** @type {number} */
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    /** @type {number} */
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0;
    d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  const next = [a, b, c, d, e, f, g, h];
  for (let n = 0; n < 8; n++) state[n] = /** @type {number} */ (state[n]) + /** @type {number} */ (next[n]);
}

/** @param {Uint8Array} bytes whose length is a multiple of 64 @param {Uint32Array} state @param {Int32Array} words */
function take(bytes, state, words) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 64) mix(state, view, at, words);
}

/**
 * Return the SHA-256 of *file* in hexadecimal. The page stays usable meanwhile.
 *
 * @param {Blob} file
 */
export async function sha256(file) {
  const state = START.slice();
  const words = new Int32Array(64);
  const whole = file.size - (file.size % 64);
  for (let at = 0; at < whole; at += PIECE_BYTES) {
    take(new Uint8Array(await file.slice(at, Math.min(at + PIECE_BYTES, whole)).arrayBuffer()), state, words);
  }
  const rest = new Uint8Array(await file.slice(whole).arrayBuffer());
  const last = new Uint8Array(rest.length < 56 ? 64 : 128);
  last.set(rest);
  last[rest.length] = 0x80;
  new DataView(last.buffer).setBigUint64(last.length - 8, BigInt(file.size) * 8n);
  take(last, state, words);
  return [...state].map((each) => each.toString(16).padStart(8, '0')).join('');
}
