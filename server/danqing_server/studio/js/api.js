/** The public API: its envelope unwrapped, its refusals thrown as `ApiError`. */

import { locale } from './i18n.js';

/** @typedef {{ field: string, code: string | null, message: string, value: unknown }} Problem */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/** An answer that is no success; status 0: there was no answer. `message` is for people, in their language. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {Problem[]} problems one for each field that is wrong
   * @param {any} [body]
   */
  constructor(status, code, message, problems = [], body = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.problems = problems;
    this.requestId = /** @type {string | null} */ (body?.request_id ?? null);
    this.retryable = /** @type {boolean} */ (body?.retryable ?? status === 0);
    this.body = body;
    this.retryAfter_s = 0;
  }
}

/** What is done when the API does not know who asks; resolves once it is worth asking again. */
export const entrance = {
  /** How often somebody has signed in: a refusal of what was sent before the last time says nothing any more. */
  times: 0,
  /** @type {(changes: boolean) => Promise<void>} */
  open: () => Promise.reject(new Error('nobody opens')),
};

/** @typedef {{ key?: string, signal?: AbortSignal, signIn?: boolean, isFile?: boolean }} Options `isFile`: the answer is a file, as a Blob */

/**
 * @param {string} method
 * @param {string} path
 * @param {Query} query
 * @param {unknown} body
 * @param {Options} options
 * @returns {Promise<any>}
 */
async function ask(method, path, query, body, options) {
  const { times } = entrance;
  const response = await fetched(method, addressOf(path, query), body, options);
  if (response.status === 401 && options.signIn !== false) {
    const again = () => ask(method, path, query, body, options);
    if (entrance.times !== times) return again();
    if (method === 'GET') return afterSignIn(addressOf(path, query), again);
    return entrance.open(!path.endsWith('/check')).then(again);
  }
  if (response.status === 204) return null;
  const isFile = options.isFile && response.ok;
  const found = await (isFile ? response.blob() : response.text()).catch((error) => {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, 'offline', ''); // cut off on its way
  });
  if (isFile) return found;
  try {
    return unwrapped(response.status, /** @type {string} */ (found));
  } catch (error) {
    if (error instanceof ApiError) error.retryAfter_s = Number(response.headers.get('retry-after')) || 0;
    throw error;
  }
}

/** What waits for a sign-in to be looked at, by its address. @type {Map<string, Promise<any>>} */
const waiting = new Map();

/**
 * Look once somebody signed in: once, however often it was asked for meanwhile.
 *
 * @param {string} url
 * @param {() => Promise<any>} again
 */
function afterSignIn(url, again) {
  const found = waiting.get(url) ?? entrance.open(false).finally(() => waiting.delete(url)).then(again);
  waiting.set(url, found);
  return found;
}

/**
 * @param {string} method
 * @param {string} url
 * @param {unknown} body
 * @param {Options} options
 */
async function fetched(method, url, body, { key, signal }) {
  const headers = headersOf(method);
  if (body !== undefined && !(body instanceof Blob)) headers['content-type'] = 'application/json';
  if (key) headers['idempotency-key'] = key;
  const sent = body === undefined || body instanceof Blob ? body : JSON.stringify(body);
  try {
    return await fetch(url, { method, headers, body: sent, signal, credentials: 'same-origin' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'offline', '');
  }
}

/**
 * @param {string} method
 * @returns {Record<string, string>}
 */
const headersOf = (method) => ({
  'accept-language': locale.value,
  accept: 'application/json',
  ...(method === 'GET' ? {} : { 'x-danqing-studio': '1' }),
});

/**
 * @param {string} path
 * @param {Query} query
 */
export function addressOf(path, query = {}) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') found.set(name, String(value));
  }
  const text = found.toString();
  return (path.startsWith('/studio/') || path === '/health' ? path : `/api/v1${path}`) + (text ? `?${text}` : '');
}

/**
 * @param {number} status
 * @param {string} text
 * @returns {any}
 */
function unwrapped(status, text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ApiError(status, 'unreadable', '');
  }
  if (status < 200 || status >= 300) {
    throw new ApiError(status, body.code ?? 'unknown', body.message ?? '', body.details ?? [], body);
  }
  return body.success === true && 'data' in body ? body.data : body;
}

/**
 * Send *file* as it is, telling how far it is (0 to 1).
 *
 * @param {string} path
 * @param {Blob} file
 * @param {(part: number) => void} [onProgress]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
function upload(path, file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const { times } = entrance;
    const request = new XMLHttpRequest(); // fetch does not tell how much of a body is sent
    request.open('POST', addressOf(path));
    for (const [name, value] of Object.entries(headersOf('POST'))) request.setRequestHeader(name, value);
    request.setRequestHeader('content-type', file.type || 'application/octet-stream');
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.onerror = () => reject(new ApiError(0, 'offline', ''));
    request.onabort = () => reject(new DOMException('', 'AbortError'));
    request.onload = () => {
      if (request.status === 401) {
        const opened = entrance.times === times ? entrance.open(true) : Promise.resolve();
        opened.then(() => upload(path, file, onProgress, signal)).then(resolve, reject);
        return;
      }
      try {
        resolve(unwrapped(request.status, request.responseText));
      } catch (error) {
        reject(error);
      }
    };
    signal?.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

/** Paths are those of `/api/v1`, as `/tasks`; `/health` and `/studio/…` are taken as they are. */
export const api = {
  /** @type {(path: string, query?: Query, options?: Options) => Promise<any>} */
  get: (path, query = {}, options = {}) => ask('GET', path, query, undefined, options),
  /** @type {(path: string, body?: unknown, options?: Options) => Promise<any>} */
  post: (path, body, options = {}) => ask('POST', path, {}, body, options),
  /** @type {(path: string, body?: unknown, options?: Options) => Promise<any>} */
  put: (path, body, options = {}) => ask('PUT', path, {}, body, options),
  /** @type {(path: string, body?: unknown, options?: Options) => Promise<any>} */
  patch: (path, body, options = {}) => ask('PATCH', path, {}, body, options),
  /** @type {(path: string, query?: Query, options?: Options) => Promise<any>} */
  del: (path, query = {}, options = {}) => ask('DELETE', path, query, undefined, options),
  upload,
};

/** A name that no other request has; `crypto.randomUUID` is not there on plain http in a LAN. */
export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, '0')).join('');
