// The client of danqing for Node 18 and later, Deno, Bun and browsers. No dependencies; types are in danqing.d.ts.

const LONG_POLL_S = 50;
const SHORTEST_POLL_MS = 500;
const REQUEST_TIMEOUT_MS = 75_000; // longer than the server lets a long poll wait
const LONGEST_PAUSE_MS = 30_000;
const PASSING = new Set([429, 502, 503, 504]);
const FINISHED = new Set(["completed", "failed", "cancelled"]);
const TOLERANCE_S = 300;

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
    this.url = (url ?? given.DANQING_URL ?? "http://127.0.0.1:8080").replace(/\/+$/, "");
    this.key = key ?? given.DANQING_KEY ?? null;
    this.userId = userId ?? given.DANQING_USER_ID ?? "default";
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
  async submit(prompt, { idempotencyKey = newKey(), signal, ...options } = {}) {
    const body = await this.#body(prompt, options);
    return this.#ask("POST", "/api/v1/ai/tasks", { body, signal, headers: { "idempotency-key": idempotencyKey } });
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
      const task = await this.#ask("GET", taskPath(taskId), { signal, headers: { prefer: `wait=${left}` } });
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
    const { answer, repeated } = await this.#send("DELETE", taskPath(taskId), { signal });
    if (!answer.ok) await this.#refuseUnless("delete", answer, repeated);
  }

  /** Go through the project's tasks, newest first, page by page. */
  async *tasks({ signal, ...filters } = {}) {
    let cursor = null;
    do {
      const query = new URLSearchParams(cursor === null ? filters : { ...filters, cursor });
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
    const { answer } = await this.#send("GET", output.url, { signal });
    if (!answer.ok) throw await errorOf(answer);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const hashed = await crypto().subtle.digest("SHA-256", bytes);
    if (hex(hashed) !== output.sha256) {
      throw new ConnectionFailed(`output ${output.index} did not come as it is kept: ${bytes.length} bytes`);
    }
    return bytes;
  }

  async #body(prompt, { type = "image", model, provider, userId, input = {}, ...options }) {
    return {
      type,
      model: model ?? (await this.#defaultModel(provider)),
      input: prompt === undefined || prompt === null ? input : { prompt, ...input },
      user_id: userId ?? this.userId,
      ...(provider === undefined ? {} : { provider }),
      ...withoutNothing({
        delay: options.delay,
        priority: options.priority,
        on_ambiguous: options.onAmbiguous,
        webhook: options.webhook,
      }),
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
    const { answer, repeated } = await this.#send("POST", `${taskPath(taskId)}/${what}`, { signal });
    if (answer.ok) return (await answer.json()).data;
    await this.#refuseUnless(what, answer, repeated);
    return this.get(taskId, { signal });
  }

  /** A move that was sent twice is refused because the first one, whose answer was lost, was carried out. */
  async #refuseUnless(what, answer, repeated) {
    const error = await errorOf(answer);
    if (!(repeated && DONE_ALREADY[what].includes(error.code))) throw error;
  }

  async #ask(method, path, options) {
    const { answer } = await this.#send(method, path, options);
    if (!answer.ok) throw await errorOf(answer);
    return (await answer.json()).data;
  }

  async #send(method, path, { body, raw, headers = {}, signal } = {}) {
    const url = new URL(path, `${this.url}/`);
    const ours = url.host === new URL(this.url).host; // the key goes to the server alone
    const own = ours
      ? { "accept-language": this.language, ...(this.key === null ? {} : { authorization: `Bearer ${this.key}` }) }
      : {};
    const request = {
      method,
      headers: { ...own, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      body: body === undefined ? raw : JSON.stringify(body),
    };
    for (let tries = 1; ; tries += 1) {
      let told = null;
      try {
        const answer = await this.fetch(url, { ...request, signal: limited(signal) });
        told = retryAfterMs(answer);
        const over = tries > this.retries || (told !== null && told > LONGEST_PAUSE_MS);
        if (!PASSING.has(answer.status) || over) return { answer, repeated: tries > 1 };
      } catch (cause) {
        if (signal?.aborted) throw signal.reason;
        if (tries > this.retries) throw new ConnectionFailed(`${method} ${url.pathname}: no answer`, { cause });
      }
      const guess = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** (tries - 1)) * (0.75 + Math.random() / 4);
      await pause(Math.max(told ?? 0, guess), signal);
    }
  }
}

/**
 * Check a webhook and return its event. `body` is what came, byte for byte. Throws WrongSignature.
 * Source: Standard Webhooks 1.0.0, github.com/standard-webhooks, read 2026-11-28.
 */
export async function verifyWebhook(secret, headers, body, { now = () => Date.now() / 1000 } = {}) {
  const named = headers instanceof Headers ? headers : new Headers(headers);
  const [id, sentAt, signatures] = ["id", "timestamp", "signature"].map((name) => named.get(`webhook-${name}`));
  if (!id || !/^\d+$/.test(sentAt ?? "") || !signatures) {
    throw new WrongSignature("the headers of a webhook are missing or malformed");
  }
  if (Math.abs(now() - Number(sentAt)) > TOLERANCE_S) throw new WrongSignature("the timestamp is too far off");
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body);
  const key = await crypto().subtle.importKey(
    "raw", unbase64(secret.replace(/^whsec_/, "")), { name: "HMAC", hash: "SHA-256" }, false, ["verify"],
  );
  const signed = joined(new TextEncoder().encode(`${id}.${sentAt}.`), bytes);
  for (const each of signatures.split(" ").filter((one) => one.startsWith("v1,"))) {
    // verify compares in constant time
    if (await crypto().subtle.verify("HMAC", key, unbase64(each.slice(3)), signed)) {
      return { id, ...JSON.parse(new TextDecoder().decode(bytes)) };
    }
  }
  throw new WrongSignature("no signature fits");
}

async function errorOf(answer) {
  const body = await answer.json().catch(() => null);
  const about = { requestId: answer.headers.get("x-request-id"), retryAfterMs: retryAfterMs(answer) };
  return new ApiError(answer.status, body, about);
}

function retryAfterMs(answer) {
  const told = answer.headers.get("retry-after");
  if (told === null) return null;
  if (/^\d+(\.\d+)?$/.test(told)) return Number(told) * 1000;
  const wait = Date.parse(told) - Date.parse(answer.headers.get("date") ?? "");
  return Number.isNaN(wait) ? null : Math.max(0, wait);
}

function limited(signal) {
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  if (signal === undefined) return timeout;
  if (AbortSignal.any) return AbortSignal.any([signal, timeout]);
  const both = new AbortController(); // Node 18 has no AbortSignal.any
  for (const each of [signal, timeout]) {
    if (each.aborted) both.abort(each.reason);
    each.addEventListener("abort", () => both.abort(each.reason), { once: true, signal: both.signal });
  }
  return both.signal;
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
  globalThis.crypto.getRandomValues(bytes);
  return hex(bytes);
}

function crypto() {
  if (!globalThis.crypto?.subtle) throw new DanqingError("this needs Web Crypto: https, or Node 20 and later");
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

function joined(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
