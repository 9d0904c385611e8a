// The client of danqing for Node 20 and later, Deno, Bun and browsers. No dependencies; types are in danqing.d.ts.

const LONG_POLL_S = 50;
const SHORTEST_POLL_MS = 500;
const SILENCE_MS = 75_000; // longer than the server lets a long poll wait
const GRACE_MS = 10_000; // after the time that was waited for: an answer may be late, and a server start again
const SLOWEST_BYTES_PER_MS = 8; // the server lets a body come as slowly
const LONGEST_PAUSE_MS = 30_000;
const PASSING = new Set([429, 502, 503, 504]);
const FINISHED = new Set(["completed", "failed", "cancelled"]);
const TOLERANCE_S = 300;

const ELSEWHERE = new Set(["idempotencyKey", "signal", "timeoutMs", "onProgress"]); // options that are none of a body

const DONE_ALREADY = {
  cancel: ["task_cancelled"],
  retry: ["task_pending", "task_processing", "task_completed"],
  delete: ["task_not_found"],
};

export class DanqingError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

export class ConnectionFailed extends DanqingError {}

export class ApiError extends DanqingError {
  constructor(status, body, { requestId = null, retryAfterMs = null } = {}) {
    const details = Array.isArray(body?.details) ? body.details : [];
    const code = body?.code ?? `http_${status}`;
    const message = body?.message ?? body?.error ?? "what answered is no danqing server, or something before it";
    const fields = details.map((each) => `${each.field}: ${each.message}`).join("; ");
    super(`${status} ${code}: ${message}${fields ? ` (${fields})` : ""}`);
    Object.assign(this, { status, code, details, requestId, retryAfterMs });
  }
}

export class TaskFailed extends DanqingError {
  constructor(task) {
    super(`task ${task.id} ${task.status}: ${task.error ? `${task.error.code}: ${task.error.message}` : ""}`);
    this.task = task;
  }
}

export class WaitTimeout extends DanqingError {
  constructor(task, timeoutMs) {
    super(`task ${task.id} is ${task.status} after ${timeoutMs} ms; wait for it again`);
    this.task = task;
  }
}

export class WrongSignature extends DanqingError {}

/** Tell whether nothing more is to come of a task. */
export function isFinished(task) {
  return FINISHED.has(task.status);
}

export class Danqing {
  #models = new Map();

  constructor({ url, key, userId, retries = 5, language = "en", fetch = globalThis.fetch } = {}) {
    const given = globalThis.process?.env ?? {};
    this.url = (url || given.DANQING_URL || "http://127.0.0.1:8080").replace(/\/+$/, "");
    this.key = (key ?? given.DANQING_KEY) || null;
    this.userId = userId || given.DANQING_USER_ID || "default";
    this.retries = retries;
    this.language = language;
    this.fetch = (...request) => fetch(...request);
  }

  /** Submit, and return the task when it is completed. Throws TaskFailed, WaitTimeout. */
  async generate(prompt, { timeoutMs, onProgress, ...options } = {}) {
    const submitted = await this.submit(prompt, options);
    const task = await this.wait(submitted.id, { timeoutMs, onProgress, signal: options.signal });
    if (task.status !== "completed") throw new TaskFailed(task);
    return task;
  }

  /** Submit a task, under a key of its own that makes repeats safe, and return it as it was taken in. */
  async submit(prompt, { idempotencyKey, signal, ...options } = {}) {
    const body = await this.#body(prompt, options);
    return this.#ask("POST", "/api/v1/ai/tasks", { body, signal, headers: { "idempotency-key": idempotencyKey ?? newKey() } });
  }

  /** Return what a submission would cost and what is wrong with it; nothing is bought. */
  async check(prompt, { signal, ...options } = {}) {
    return this.#ask("POST", "/api/v1/ai/tasks/check", { body: await this.#body(prompt, options), signal });
  }

  /** Return a task as it is now. */
  get(taskId, { signal } = {}) {
    return this.#ask("GET", taskPath(taskId), { signal });
  }

  /** Return a task when it has ended, however it did. Throws WaitTimeout; the task goes on. */
  async wait(taskId, { timeoutMs = Infinity, onProgress = () => {}, signal } = {}) {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const asked = Date.now();
      const left = Math.max(1, Math.min(LONG_POLL_S, Math.floor((until - asked) / 1000)));
      const task = await this.#ask("GET", taskPath(taskId), { signal, until, headers: { prefer: `wait=${left}` } });
      if (isFinished(task)) return task;
      onProgress(task);
      if (Date.now() >= until) throw new WaitTimeout(task, timeoutMs);
      await pause(Math.max(0, SHORTEST_POLL_MS - (Date.now() - asked)), signal);
    }
  }

  cancel(taskId, options) {
    return this.#move("cancel", taskId, options);
  }

  retry(taskId, options) {
    return this.#move("retry", taskId, options);
  }

  async delete(taskId, { signal } = {}) {
    const found = await this.#send("DELETE", taskPath(taskId), { signal });
    if (!found.answer.ok) refuseUnless("delete", found);
  }

  /** Go through the rows of the project's tasks, newest first, page by page; `get` has what one of them made. */
  async *tasks({ signal, ...filters } = {}) {
    let cursor = null;
    do {
      const query = new URLSearchParams(withoutNothing({ ...filters, ...(cursor === null ? {} : { cursor }) }));
      const page = await this.#ask("GET", `/api/v1/tasks?${query}`, { signal });
      yield* page.tasks;
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  /** Send a picture ahead, as bytes or a Blob; its `uri` stands wherever a reference may. */
  upload(source, { signal } = {}) {
    return this.#ask("POST", "/api/v1/uploads", {
      raw: source, signal, headers: { "content-type": "application/octet-stream" },
    });
  }

  providers({ signal } = {}) {
    return this.#ask("GET", "/api/v1/providers", { signal });
  }

  /** Return the bytes of an output, which are those that its sha256 says. */
  async download(output, { signal } = {}) {
    const { answer, bytes } = await this.#send("GET", output.url, { signal });
    if (!answer.ok) throw errorOf(answer, bytes);
    const hashed = await crypto().subtle.digest("SHA-256", bytes);
    if (hex(hashed) !== output.sha256) {
      throw new ConnectionFailed(`output ${output.index} did not come as it is kept: ${bytes.length} bytes`);
    }
    return bytes;
  }

  async #body(prompt, { type = "image", model, provider, userId, input = {}, ...options }) {
    const { delay, priority, onAmbiguous, webhook, ...unknown } = options;
    const strange = Object.keys(unknown).filter((name) => !ELSEWHERE.has(name));
    if (strange.length) throw new DanqingError(`unknown option ${strange}: a model's parameters go into input`);
    return {
      type,
      model: model ?? (await this.#defaultModel(provider)),
      input: prompt === undefined || prompt === null ? input : { prompt, ...input },
      user_id: userId ?? this.userId,
      ...(provider === undefined ? {} : { provider }),
      ...withoutNothing({ delay, priority, on_ambiguous: onAmbiguous, webhook }),
    };
  }

  async #defaultModel(provider) {
    if (!this.#models.has(provider)) {
      const told = await this.providers();
      const wanted = provider ?? told.default;
      const found = told.providers.find((each) => each.name === wanted);
      if (found === undefined) throw new DanqingError(`the server has no provider ${wanted}`);
      this.#models.set(provider, found.default_model);
    }
    return this.#models.get(provider);
  }

  async #move(what, taskId, { signal } = {}) {
    const headers = what === "retry" ? { "idempotency-key": newKey() } : {}; // its repeat may come when it failed anew
    const found = await this.#send("POST", `${taskPath(taskId)}/${what}`, { signal, headers });
    if (found.answer.ok) return dataOf(found);
    refuseUnless(what, found);
    return this.get(taskId, { signal });
  }

  async #ask(method, path, options) {
    return dataOf(await this.#send(method, path, options));
  }

  /** Return the answer with its body, all of which came; nothing is sent again long after `until`. */
  async #send(method, path, { body, raw, headers = {}, signal, until = Infinity } = {}) {
    const url = new URL(path.startsWith("/") ? this.url + path : path);
    const ours = url.origin === new URL(this.url).origin; // the key goes to the server alone
    const own = ours
      ? { "accept-language": this.language, ...(this.key === null ? {} : { authorization: `Bearer ${this.key}` }) }
      : {};
    const request = {
      method,
      headers: new Headers({ ...own, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers }),
      body: body === undefined ? raw : new TextEncoder().encode(JSON.stringify(body)),
    };
    const size = request.body?.byteLength ?? request.body?.size ?? 0;
    for (let tries = 1; ; tries += 1) {
      const left = Math.max(1_000, until - Date.now()) + GRACE_MS;
      const patience = patient(signal, Math.min(SILENCE_MS + size / SLOWEST_BYTES_PER_MS, left));
      let found = null;
      let cause = null;
      try {
        const answer = await this.fetch(url, { ...request, signal: patience.signal });
        found = { answer, bytes: await bytesOf(answer, patience), repeated: tries > 1 };
        if (!PASSING.has(answer.status)) return found;
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        cause = error;
      } finally {
        patience.end();
      }
      const told = found === null ? 0 : (retryAfterMs(found.answer) ?? 0);
      const guess = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** (tries - 1)) * (0.75 + Math.random() / 4);
      const wait = Math.max(told, guess);
      if (tries > this.retries || told > LONGEST_PAUSE_MS || Date.now() + wait > until + GRACE_MS) {
        if (found !== null) return found;
        throw new ConnectionFailed(`${method} ${url.pathname}: no answer`, { cause });
      }
      await pause(wait, signal);
      request.headers.delete("prefer"); // where waiting was refused, or cut by a proxy, one asks without
    }
  }
}

/**
 * Check a webhook and return its event. `body` is what came, byte for byte. Throws WrongSignature.
 * Source: Standard Webhooks 1.0.0, github.com/standard-webhooks, read 2026-11-28.
 */
export async function verifyWebhook(secret, headers, body, { now = () => Date.now() / 1000 } = {}) {
  const [id, sentAt, signatures] = ["id", "timestamp", "signature"].map((name) => headerOf(headers, `webhook-${name}`));
  if (!id || !/^\d+$/.test(sentAt ?? "") || !signatures) {
    throw new WrongSignature("the headers of a webhook are missing or malformed");
  }
  if (Math.abs(now() - Number(sentAt)) > TOLERANCE_S) throw new WrongSignature("the timestamp is too far off");
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body);
  const key = await crypto().subtle.importKey(
    "raw", unbase64(secret.replace(/^whsec_/, "")), { name: "HMAC", hash: "SHA-256" }, false, ["verify"],
  );
  const signed = joined([new TextEncoder().encode(`${id}.${sentAt}.`), bytes]);
  for (const each of signatures.split(" ").filter((one) => one.startsWith("v1,"))) {
    // verify compares in constant time
    if (await crypto().subtle.verify("HMAC", key, unbase64(each.slice(3)), signed)) {
      const told = JSON.parse(new TextDecoder().decode(bytes));
      return "type" in told ? { id, ...told } : { id, type: "", timestamp: "", data: told }; // Ark's words: a callback
    }
  }
  throw new WrongSignature("no signature fits");
}

function headerOf(headers, name) {
  if (typeof headers.get === "function") return headers.get(name);
  return Object.entries(headers).find(([each]) => each.toLowerCase() === name)?.[1];
}

function errorOf(answer, bytes) {
  const about = { requestId: answer.headers.get("x-request-id"), retryAfterMs: retryAfterMs(answer) };
  return new ApiError(answer.status, documentOf(bytes), about);
}

/** A move that was sent twice is refused because the first one, whose answer was lost, was carried out. */
function refuseUnless(what, { answer, bytes, repeated }) {
  const error = errorOf(answer, bytes);
  if (!(repeated && DONE_ALREADY[what].includes(error.code))) throw error;
}

function dataOf({ answer, bytes }) {
  const body = documentOf(bytes);
  if (!answer.ok || body?.data === undefined) throw errorOf(answer, bytes);
  return body.data;
}

function documentOf(bytes) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

async function bytesOf(answer, patience) {
  if (!answer.body?.getReader) return new Uint8Array(await answer.arrayBuffer());
  const [parts, reader] = [[], answer.body.getReader()];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(parts);
    patience.wait(SILENCE_MS);
    parts.push(value);
  }
}

function retryAfterMs(answer) {
  const told = answer.headers.get("retry-after");
  if (told === null) return null;
  if (/^\d+(\.\d+)?$/.test(told)) return Number(told) * 1000;
  const wait = Date.parse(told) - Date.parse(answer.headers.get("date") ?? "");
  return Number.isNaN(wait) ? null : Math.max(0, wait);
}

/** Return a signal that follows the caller's own, and aborts when its time is over; `wait` begins that anew. */
function patient(signal, ms) {
  const stop = new AbortController();
  const follow = () => stop.abort(signal.reason);
  let timer;
  const wait = (left) => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(new DanqingError("nothing came in time")), left);
  };
  const end = () => (clearTimeout(timer), signal?.removeEventListener("abort", follow));
  wait(ms);
  signal?.addEventListener("abort", follow);
  if (signal?.aborted) follow();
  return { signal: stop.signal, wait, end };
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => (clearTimeout(timer), reject(signal.reason));
    const timer = setTimeout(() => (signal?.removeEventListener("abort", stop), resolve()), ms);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function newKey() {
  const bytes = new Uint8Array(16); // not randomUUID: pages that are not served by https have none
  crypto("getRandomValues").getRandomValues(bytes);
  return hex(bytes);
}

function crypto(part = "subtle") {
  if (!globalThis.crypto?.[part]) throw new DanqingError("this needs Web Crypto: https, or Node 20 and later");
  return globalThis.crypto;
}

function taskPath(taskId) {
  return `/api/v1/tasks/${encodeURIComponent(taskId)}`;
}

function withoutNothing(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

function hex(bytes) {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unbase64(text) {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch (cause) {
    throw new WrongSignature("not base64", { cause });
  }
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) whole.set(part, (at += part.length) - part.length);
  return whole;
}
