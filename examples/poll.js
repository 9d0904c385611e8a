// Make pictures with danqing, from a web page or from Node 18 and later. No dependency.
//
//   import { createImage, pollTask } from "./poll.js";
//   const taskId = await createImage("a small boat on a misty river", { server, userId });
//   const result = await pollTask(taskId, { server, onProgress, signal });
//   result.image_url
//
// or on the command line: node poll.js "a small boat on a misty river"

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const REQUEST_TIMEOUT_MS = 60_000;
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

const SUBMISSION_MS = 60_000;

/** The task ended without a picture, or was never accepted. `code` is stable; `retryable`: another try may succeed. */
export class TaskFailed extends Error {
  constructor(message, { code = "failed", retryable = false, taskId = null } = {}) {
    super(message);
    this.name = "TaskFailed";
    Object.assign(this, { code, retryable, taskId });
  }
}

/** Nobody failed, but it took longer than `giveUpMs`. The task goes on at the server: poll it again later. */
export class GivenUp extends Error {
  constructor(message, taskId = null) {
    super(message);
    this.name = "GivenUp";
    this.taskId = taskId;
  }
}

/**
 * Submit one picture and return its task's id.
 *
 * Network trouble and a busy server are tried again, with the same Idempotency-Key: however often the request is
 * sent, there is one task. Give `idempotencyKey` to make that hold over a reload of your page, too.
 *
 * @param {string} prompt
 * @param {object} [options] - `userId`, `image` (size, n, model, options …: see docs/api.md), `server`, `apiKey`,
 *   `idempotencyKey`, `giveUpMs`, `signal` (an AbortSignal), `onTrouble` (gets a sentence for each try in vain)
 * @returns {Promise<string>}
 */
export async function createImage(prompt, options = {}) {
  const { userId = "poll.js", image = {}, idempotencyKey = await newKey(), giveUpMs = SUBMISSION_MS } = options;
  const { onTrouble = () => {} } = options;
  const request = {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": idempotencyKey },
    body: JSON.stringify({ ...image, prompt, user_id: userId }),
  };
  const patience = new Patience(giveUpMs, options.signal);
  for (;;) {
    const answer = await send("/api/v1/ai/image/task", request, options);
    if (answer.status === 201) return answer.body.data.task_id;
    if (!answer.passing) throw refusal(answer);
    onTrouble(`${answer.message}; trying again`);
    if (!(await patience.wait(answer.retryAfterMs))) throw new GivenUp(`no task was accepted: ${answer.message}`);
  }
}

/**
 * Wait for a task and return its result: `image_url`, `image_urls`, `images`, `cost` …
 *
 * @param {string} taskId
 * @param {object} [options] - `onProgress` (gets `{status, progress, images}` on each look), `onTrouble` (gets a
 *   sentence for each look in vain), `server`, `apiKey`, `giveUpMs` (15 minutes), `signal` (an AbortSignal: stops the
 *   waiting, not the task)
 * @returns {Promise<object>}
 * @throws {TaskFailed | GivenUp}
 */
export async function pollTask(taskId, options = {}) {
  const { onProgress = () => {}, onTrouble = () => {}, giveUpMs = 15 * 60_000 } = options;
  const patience = new Patience(giveUpMs, options.signal);
  for (;;) {
    const answer = await send(`/api/v1/ai/image/result/${encodeURIComponent(taskId)}`, {}, options);
    const data = answer.body?.data;
    if (data?.status === "completed") return data.result;
    if (data?.status === "failed") throw failure(data, taskId);
    if (answer.status >= 400 && !answer.passing) throw refusal(answer, taskId);
    if (answer.passing) onTrouble(`${answer.message}; trying again`);
    else if (data?.status) onProgress(data);
    if (!(await patience.wait(answer.retryAfterMs))) throw new GivenUp(`task ${taskId} is not finished`, taskId);
  }
}

/** Send one request. Network trouble is an answer with `passing` true and status 0, not an exception. */
async function send(path, request, { server = defaultServer(), apiKey, signal }) {
  const headers = { "accept-language": "en", ...request.headers };
  if (apiKey) headers.authorization = `Bearer ${apiKey}`;
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  const timer = setTimeout(stop, REQUEST_TIMEOUT_MS);
  signal?.addEventListener("abort", stop);
  try {
    signal?.throwIfAborted();
    const response = await fetch(server + path, { ...request, headers, signal: stopping.signal });
    const body = await response.json().catch(() => null);
    const broken = response.ok && body === null; // it was cut: what it told is asked for again
    return {
      status: broken ? 0 : response.status,
      body,
      message: broken ? `the server at ${server} was cut off` : (body?.message ?? `HTTP ${response.status}`),
      passing: broken || PASSING.has(response.status),
      retryAfterMs: 1000 * Number.parseInt(response.headers.get("retry-after") ?? "", 10),
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof TypeError || stopping.signal.aborted)) throw error;
    const message = `the server at ${server} cannot be reached`;
    return { status: 0, body: null, message, passing: true, retryAfterMs: NaN };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** How long to wait between looks, and when to stop: the server's Retry-After, else twice the last pause. */
class Patience {
  #endsAt;
  #pauseMs = FIRST_PAUSE_MS;
  #signal;

  constructor(giveUpMs, signal) {
    this.#endsAt = Date.now() + giveUpMs;
    this.#signal = signal;
  }

  /** Wait for the next look; false when the time is up. */
  async wait(retryAfterMs) {
    const leftMs = this.#endsAt - Date.now();
    if (leftMs <= 0) return false;
    const wanted = Number.isFinite(retryAfterMs) ? retryAfterMs : this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
    await pause(Math.min(wanted, leftMs), this.#signal);
    return true;
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function failure(data, taskId) {
  const { message, code, retryable } = data.error ?? {};
  return new TaskFailed(message || "the task failed", { code, retryable, taskId });
}

function refusal(answer, taskId = null) {
  return new TaskFailed(answer.message, { code: answer.body?.code, retryable: answer.body?.retryable, taskId });
}

/** A new Idempotency-Key. Not crypto.randomUUID: web pages have it only on https and localhost. */
async function newKey() {
  const source = globalThis.crypto ?? (await import("node:crypto")).webcrypto; // Node 18 has no global one
  const bytes = source.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function defaultServer() {
  return globalThis.process?.env?.DANQING_URL ?? "http://localhost:8080";
}

/** Return *tell*, which is called only with what it was not called with just before. */
function once(tell) {
  let said = "";
  return (line) => {
    if (line !== said) tell(line);
    said = line;
  };
}

async function main(prompt) {
  const apiKey = process.env.DANQING_KEY;
  const giveUpMs = 1000 * Number(process.env.DANQING_GIVE_UP ?? 900);
  const tell = once((line) => console.error(line));
  const onProgress = ({ status, progress = 0 }) => tell(`${status} ${Math.round(100 * progress)}%`);
  const taskId = await createImage(prompt, { apiKey, onTrouble: tell, giveUpMs: Math.min(SUBMISSION_MS, giveUpMs) });
  tell(`task ${taskId}`);
  const result = await pollTask(taskId, { apiKey, giveUpMs, onProgress, onTrouble: tell });
  console.log(result.image_url);
}

if (globalThis.process?.argv?.[1]) {
  const { pathToFileURL } = await import("node:url");
  if (import.meta.url === pathToFileURL(process.argv[1]).href) {
    if (process.argv.length !== 3) {
      console.error("usage: node poll.js PROMPT");
      process.exit(2);
    }
    await main(process.argv[2]).catch((error) => {
      console.error(error.message);
      process.exitCode = error instanceof GivenUp ? 3 : 1;
    });
  }
}
