// Types of danqing.js. What a newer server adds is there, too, untyped.

export type Status = "scheduled" | "pending" | "processing" | "completed" | "failed" | "cancelled";
export type Billed = "yes" | "no" | "unknown";

export interface File {
  index: number;
  url: string;
  media_type: string;
  size_bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

export interface Image extends File {
  width: number;
  height: number;
}

export interface Video extends Image {
  poster_url: string | null;
  duration_s: number | null;
  fps: number | null;
  has_audio: boolean;
}

export interface TaskError {
  /** Stable: branch on it, not on the message. */
  code: string;
  message: string;
  retryable: boolean;
  billed: Billed;
  provider_code: string | null;
  request_id: string | null;
}

export interface Cost {
  /** Decimal text. */
  amount: string;
  currency: string;
  estimated: boolean;
  at_most?: string;
}

export interface Output {
  images: Image[];
  videos?: Video[];
  audios?: (File & { duration_s: number | null })[];
  files?: (File & { kind: string })[];
  text?: string;
  /** Some outputs came, others will not. */
  partial: boolean;
  errors: (TaskError & { index: number })[];
}

export interface Task {
  id: string;
  status: Status;
  type: string;
  provider: string;
  model: string;
  user_id: string;
  input: Record<string, unknown>;
  /** Null while there is nothing yet. */
  output: Output | null;
  error: TaskError | null;
  /** From 0 to 1. */
  progress: number;
  cost: Cost | null;
  billed: Billed;
  sandbox: boolean;
  created_at: string;
  updated_at: string;
  completed_at: string | null;
}

/** What a list shows of a task: `get` has its input, and what it made. */
export interface TaskRow
  extends Pick<
    Task,
    | "id" | "status" | "type" | "provider" | "model" | "user_id" | "progress" | "cost" | "billed" | "sandbox"
    | "created_at" | "updated_at" | "completed_at"
  > {
  /** Its first 300 characters. */
  prompt: string | null;
  /** Outputs asked for, those that are there, and those that failed. */
  images: number;
  kept: number;
  missing: number;
  /** Of the first output. */
  url: string | null;
  error_code: string | null;
}

export interface Upload extends File {
  id: string;
  /** Stands wherever a reference picture may. */
  uri: string;
}

export interface WebhookEvent {
  /** The same however often it is sent: remember it. */
  id: string;
  /** Empty, and `data` all there is, of what a video's `callback_url` is told in Ark's words. */
  type: string;
  timestamp: string;
  data: Partial<Task> & { id?: string };
}

export interface Options {
  /** Default: `DANQING_URL`, else this machine's port 8080. */
  url?: string;
  /** Default: `DANQING_KEY`. */
  key?: string;
  /** Whose tasks are submitted unless a call says otherwise. */
  userId?: string;
  /** How often a request is sent again that got no answer, or one that says that it may pass. */
  retries?: number;
  /** Of messages: `en` or `zh`. */
  language?: string;
  fetch?: typeof globalThis.fetch;
}

export interface Cancellable {
  signal?: AbortSignal;
}

export interface What extends Cancellable {
  /** Default `image`. */
  type?: string;
  /** Default: the provider's own default model. */
  model?: string;
  provider?: string;
  userId?: string;
  /** The model's own parameters: size, n, image, … */
  input?: Record<string, unknown>;
}

export interface Submission extends What {
  /** Default: a new one, under which the call repeats itself. */
  idempotencyKey?: string;
  /** Seconds until it may start. */
  delay?: number;
  priority?: "high" | "normal" | "low";
  onAmbiguous?: "retry" | "fail";
  webhook?: string | { url: string; events?: string[] };
}

export interface Waiting extends Cancellable {
  timeoutMs?: number;
  onProgress?: (task: Task) => void;
}

export interface Filters extends Cancellable {
  status?: string;
  provider?: string;
  model?: string;
  user_id?: string;
  limit?: number;
  [filter: string]: string | number | boolean | AbortSignal | undefined;
}

export class Danqing {
  constructor(options?: Options);
  readonly url: string;
  /** Throws TaskFailed, WaitTimeout, ApiError, ConnectionFailed. */
  generate(prompt: string | null, options?: Submission & Waiting): Promise<Task>;
  submit(prompt: string | null, options?: Submission): Promise<Task>;
  check(prompt: string | null, options?: What): Promise<Record<string, unknown>>;
  get(taskId: string, options?: Cancellable): Promise<Task>;
  wait(taskId: string, options?: Waiting): Promise<Task>;
  cancel(taskId: string, options?: Cancellable): Promise<Task>;
  retry(taskId: string, options?: Cancellable): Promise<Task>;
  delete(taskId: string, options?: Cancellable): Promise<void>;
  tasks(filters?: Filters): AsyncGenerator<TaskRow, void, undefined>;
  upload(source: Blob | ArrayBuffer | Uint8Array, options?: Cancellable): Promise<Upload>;
  providers(options?: Cancellable): Promise<Record<string, unknown>>;
  download(output: Pick<File, "index" | "url" | "sha256">, options?: Cancellable): Promise<Uint8Array>;
}

export function isFinished(task: Pick<Task, "status">): boolean;

export function verifyWebhook(
  secret: string,
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string | Uint8Array | ArrayBuffer,
  options?: { now?: () => number },
): Promise<WebhookEvent>;

export class DanqingError extends Error {}
export class ConnectionFailed extends DanqingError {}
export class WrongSignature extends DanqingError {}

export class ApiError extends DanqingError {
  readonly status: number;
  readonly code: string;
  readonly details: { field: string; message: string; value?: unknown }[];
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
}

export class TaskFailed extends DanqingError {
  readonly task: Task;
}

export class WaitTimeout extends DanqingError {
  readonly task: Task;
}
