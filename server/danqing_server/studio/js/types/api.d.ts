/* Written by `python -m tests.support.typescript` from the server's own shapes; a test says when it is stale. */

export interface Amount {
  amount: string;
  currency: string;
  images: number;
}

export interface ArchiveRequest {
  ids: string[];
  name?: string;
}

export interface Audio {
  index: number;
  url: string;
  duration_s: number | null;
  media_type: string;
  size_bytes: number;
  sha256: string;
  decoded: boolean;
}

export interface Audit {
  id: string;
  at: string;
  actor: string;
  action: string;
  subject: string;
  project: string | null;
  changed: Record<string, unknown>;
}

export interface AuditList {
  entries: Audit[];
  next_cursor: string | null;
}

export interface Batch {
  id: string;
  status: "creating" | "running" | "finished" | "cancelling" | "cancelled";
  mode: "all_or_nothing" | "accept_valid";
  lines: number;
  accepted: number;
  rejected: number;
  created: number;
  progress: number;
  tasks: TaskCounts;
  problems?: LineProblem[];
  created_at: string;
  updated_at: string;
  results_url: string;
  files_url: string;
}

export interface BatchList {
  batches: Batch[];
  count: number;
  next_cursor: string | null;
}

export interface BatchPlace {
  id: string;
  line: number;
  custom_id: string | null;
}

export interface BatchRequest {
  tasks: (Record<string, unknown>)[];
  mode?: "all_or_nothing" | "accept_valid" | null;
  defaults?: Record<string, unknown> | null;
}

export interface BrokenPlugin {
  name: string;
  version: string | null;
  distribution: string | null;
  stage: "import" | "configure" | "start" | null;
  error: string;
  where: string | null;
}

export interface Bulk {
  dry_run: boolean;
  matched: number;
  possible: number;
  results: BulkOutcome[];
  next_cursor: string | null;
  left?: string[];
  amounts?: Money[];
  at_most?: Money[];
  unknown?: number;
  expect?: Expect;
  complete?: boolean;
}

export interface BulkOutcome {
  id: string;
  done: boolean;
  code: string | null;
  message: string | null;
  retryable: boolean;
}

export interface BulkRequest {
  ids?: string[] | null;
  filter?: Record<string, unknown> | null;
  dry_run?: boolean | null;
  limit?: number | null;
  cursor?: string | null;
  expect?: Expect | null;
  include_unknown?: boolean | null;
}

export interface Call {
  id: string;
  attempt: number;
  indexes: number[];
  provider: string;
  outcome: "open" | "delivered" | "rejected" | "failed_unbilled" | "unknown" | "unsent";
  late_outcome: "open" | "delivered" | "rejected" | "failed_unbilled" | "unknown" | "unsent" | null;
  looked_up: boolean;
  cost: string | null;
  sent_at: string;
  ended_at: string | null;
  request_id: string | null;
  error_code: string | null;
  usage: Record<string, unknown>;
}

export interface Check {
  acceptable: boolean;
  problems: Detail[];
  limits: Limit[];
  notes: string[];
  prepared: Prepared | null;
  outputs: number;
  calls: number;
  estimate: Estimate | null;
  lane: CheckedLane | null;
}

export interface CheckedLane {
  name: string;
  accepting: boolean;
  reason: string | null;
  waiting: number;
  start_at: string | null;
}

export interface Condition {
  version: string;
  python: string;
  mongodb: string | null;
  redis: string | null;
  pid: number;
  began_at: string;
  checks: Record<string, string>;
  loops: Loop[];
  workers: Worker[] | null;
  storage: "folder" | "bucket";
  space: Space | null;
  asks_for_keys: boolean;
  simulated: string[];
  broken: BrokenPlugin[];
  gaps: LanguageGap[];
}

export interface Cost {
  amount: string;
  currency: string;
  images: number;
  estimated: boolean;
  at_most?: string;
  others?: Amount[];
}

export interface Deleted {
  id: string;
}

export interface Delivery {
  id: string;
  type: "task.created" | "task.started" | "task.retrying" | "task.completed" | "task.failed" | "task.cancelled" | "task.deleted" | "task.amended" | "budget.warning" | "webhook.disabled" | "webhook.test";
  task_id: string | null;
  url: string | null;
  state: "pending" | "delivered" | "failed";
  failed_because: string | null;
  created_at: string;
  due_at: string | null;
  ended_at: string | null;
  attempts: Try[];
}

export interface DeliveryList {
  deliveries: Delivery[];
  next_cursor: string | null;
}

export interface Detail {
  field: string;
  code: string | null;
  message: string;
  value: unknown;
}

export interface Error {
  success: boolean;
  error: string;
  message: string;
  code: string;
  type: string;
  title: string;
  status: number;
  retryable: boolean;
  request_id: string;
  details: Detail[];
  data?: Told;
}

export interface Estimate {
  amount: string;
  at_most: string;
  currency: string;
}

export interface EventToken {
  token: string;
  expires_at: string;
  expires_in_s: number;
}

export interface Expect {
  possible?: number;
  at_most?: Money[];
  as_of: string;
}

export interface Explanation {
  task_id: string;
  project: string | null;
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  waiting_for: "worker" | "turn" | "lane_closed" | "model_held" | "schedule" | "backoff" | "provider" | null;
  reason: string | null;
  until: string | null;
  position: Position;
  estimated_start_at: string | null;
  estimated_finish_at: string | null;
  attempts: number;
  failures: number;
  leases_lost: number;
  last_error: TaskError | null;
  billed: "yes" | "no" | "unknown";
  route: Route | null;
  calls: Call[];
}

export interface File {
  index: number;
  kind: "image" | "video" | "audio" | "model" | "file";
  url: string;
  media_type: string;
  size_bytes: number;
  sha256: string;
}

export interface Gate {
  accepting: boolean;
  breaker: "closed" | "open" | "half_open";
  hold: Hold | null;
  models: Record<string, string>;
  closed_until: string | null;
  reason: string | null;
}

export interface Health {
  status: "ok" | "unavailable";
  checks: Record<string, string>;
  message: string;
  lanes: Record<string, Gate>;
  version: string;
  sandbox: boolean;
  pid: number;
}

export interface Hold {
  reason: string;
  until: string;
}

export interface Image {
  index: number;
  url: string;
  width: number;
  height: number;
  media_type: string;
  size_bytes: number;
  sha256: string;
}

export interface ImageResult {
  task_id: string;
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  message?: string;
  progress?: number;
  images?: Image[];
  image_url?: string;
  videos?: Video[];
  audios?: Audio[];
  files?: File[];
  video_url?: string;
  result?: Result;
  error?: TaskError;
}

export interface ImageTaskCreated {
  task_id: string;
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  message: string;
}

export interface ImageTaskRequest {
  prompt: string;
  user_id: string;
  model?: string | null;
  size?: string | null;
  n?: number | null;
  quality?: string | null;
  style?: string | null;
  options?: Record<string, unknown> | null;
}

export interface Key {
  id: string;
  project: string;
  name: string;
  scopes: ("admin" | "generate" | "read" | "usage" | "webhooks")[];
  secrets: Secret[];
  limits: Limits;
  state: "active" | "expired" | "revoked";
  created_at: string;
  created_by: string;
  revoked_at: string | null;
  last_used_at: string | null;
}

export interface KeyChange {
  name?: string | null;
  scopes?: ("admin" | "generate" | "read" | "usage" | "webhooks")[] | null;
  limits?: LimitsFields | null;
}

export interface KeyList {
  keys: Key[];
  next_cursor: string | null;
}

export interface KeyRequest {
  name: string;
  project?: string | null;
  scopes?: ("admin" | "generate" | "read" | "usage" | "webhooks")[] | null;
  limits?: LimitsFields | null;
}

export interface Lane {
  queued: number;
  delayed: number;
  held: number;
  accepting: boolean;
  breaker: "closed" | "open" | "half_open";
  hold: Hold | null;
  models: Record<string, string>;
  closed_until: string | null;
  reason: string | null;
  finished_per_s: number | null;
  mean_duration_s: number | null;
}

export interface LaneDetail {
  queued: number;
  delayed: number;
  held: number;
  accepting: boolean;
  breaker: "closed" | "open" | "half_open";
  hold: Hold | null;
  models: Record<string, string>;
  closed_until: string | null;
  reason: string | null;
  finished_per_s: number | null;
  mean_duration_s: number | null;
  name: string;
  provider: string;
  model_ids: string[];
  concurrency: number;
  images_per_minute: number | null;
  calls_per_minute: number | null;
  state: "open" | "closed" | "half_open" | "held" | "paused";
  since: string | null;
  opens_at: string | null;
  pause: Pause | null;
  revision: number;
  oldest_at: string | null;
  last_hour: LaneHour | null;
  waiting: LaneUser[];
  history: LaneTurn[];
}

export interface LaneEvent {
  name: string;
  state: "open" | "closed" | "half_open" | "held" | "paused";
  since: string | null;
  reason: string | null;
  opens_at: string | null;
  pause: Pause | null;
}

export interface LaneHour {
  finished: number[];
  failed: number[];
}

export interface LaneList {
  lanes: LaneStanding[];
}

export interface LaneStanding {
  queued: number;
  delayed: number;
  held: number;
  accepting: boolean;
  breaker: "closed" | "open" | "half_open";
  hold: Hold | null;
  models: Record<string, string>;
  closed_until: string | null;
  reason: string | null;
  finished_per_s: number | null;
  mean_duration_s: number | null;
  name: string;
  provider: string;
  model_ids: string[];
  concurrency: number;
  images_per_minute: number | null;
  calls_per_minute: number | null;
  state: "open" | "closed" | "half_open" | "held" | "paused";
  since: string | null;
  opens_at: string | null;
  pause: Pause | null;
  revision: number;
  oldest_at: string | null;
  last_hour: LaneHour | null;
}

export interface LaneTurn {
  at: string;
  kind: "closed" | "open" | "held" | "paused" | "resumed" | "opened" | "probed";
  reason: string | null;
  by: string | null;
  until: string | null;
}

export interface LaneUser {
  project: string | null;
  user_id: string;
  tasks: number;
  turn: number | null;
}

export interface LanguageGap {
  provider: string;
  model: string;
  field: string;
  text: string;
  lacks: string[];
}

export interface Limit {
  code: string;
  message: string;
  retry_after_s: number;
  budget?: SpendLimit;
}

export interface Limits {
  models: string[] | null;
  spend_per_day: Record<string, string> | null;
  spend_per_month: Record<string, string> | null;
  requests_per_minute: number | null;
  pictures_in_flight: number | null;
  waiting_tasks: number | null;
  addresses: string[] | null;
  expires_at: string | null;
}

export interface LimitsFields {
  models?: string[] | null;
  spend_per_day?: Record<string, string> | null;
  spend_per_month?: Record<string, string> | null;
  requests_per_minute?: number | null;
  pictures_in_flight?: number | null;
  waiting_tasks?: number | null;
  addresses?: string[] | null;
  expires_at?: string | null;
}

export interface LineProblem {
  line: number;
  custom_id: string | null;
  field: string;
  message: string;
  code: string | null;
  value: unknown;
}

export interface Live {
  status: "ok";
  pid: number;
}

export interface Loop {
  name: string;
  alive: boolean;
  deaths: number;
}

export interface Me {
  needs_key: boolean;
  signed_in: boolean;
  name: string | null;
  project: string | null;
  key: string | null;
  scopes: ("generate" | "read" | "webhooks" | "usage" | "admin" | "operate" | "every_account" | "every_project")[];
  operator: boolean;
  viewer: boolean;
  sandbox: boolean;
  zone: string | null;
  idempotency_kept_s: number;
  session: Session | null;
}

export interface Model {
  id: string;
  title: string;
  types: string[];
  aliases: string[];
  kind: "image" | "video" | "audio" | "model" | "file";
  price: Price | null;
  parameters: Record<string, unknown>;
}

export interface Money {
  amount: string;
  currency: string;
}

export interface NewKey {
  key: Key;
  secret: string;
}

export interface OpenCost {
  currency: string | null;
  tasks: number;
  reserved: string;
}

export interface Output {
  images: Image[];
  errors: PictureError[];
  partial: boolean;
  late?: Image[];
  videos?: Video[];
  audios?: Audio[];
  files?: File[];
  preview?: Preview;
  late_files?: File[];
  text?: string;
  [more: string]: unknown;
}

export interface OwnKey {
  key: string;
  label: string;
  project: string;
  scopes: string[];
  currency: string | null;
  limit: number | null;
  limit_remaining: number | null;
  limit_reset: string | null;
  usage: number;
  usage_daily: number;
  usage_monthly: number;
  expires_at: string | null;
  limits: SpendLimit[];
}

export interface Pause {
  by: string | null;
  since: string;
  reason: string;
  until: string | null;
}

export interface PauseRequest {
  reason: string;
  until?: string | null;
  revision?: number | null;
}

export interface Picture {
  id: string;
  task_id: string;
  index: number;
  of: number;
  kind: "image" | "video" | "audio" | "model" | "file";
  url: string;
  path: string;
  has_thumbnail: boolean;
  width: number;
  height: number;
  colour: string | null;
  duration_s: number | null;
  media_type: string;
  size_bytes: number;
  sha256: string;
  starred: boolean;
  prompt: string | null;
  provider: string;
  model: string;
  user_id: string;
  sandbox: boolean;
  created_at: string;
}

export interface PictureError {
  code: string;
  message: string;
  retryable: boolean;
  billed: "yes" | "no" | "unknown";
  provider_code: string | null;
  request_id: string | null;
  index: number;
}

export interface PictureIndex {
  ids: string[];
  count: number;
  next_cursor: string | null;
  searched_to: string | null;
}

export interface PicturePage {
  pictures: Picture[];
  count: number;
  next_cursor: string | null;
  searched_to: string | null;
}

export interface Plugin {
  name: string;
  version: string | null;
  distribution: string | null;
  providers: string[];
  missing: string[];
  wanted: string[];
  error: string | null;
}

export interface PollError {
  code: string;
  message: string;
  retryable: boolean;
}

export interface Position {
  own: number | null;
  lane: number | null;
}

export interface Prepared {
  provider: string;
  model: string;
  type: string;
  kind: "image" | "video" | "audio" | "model" | "file";
  route: string | null;
  input: Record<string, unknown>;
  references: number;
}

export interface Preview {
  index: number;
  url: string;
  width: number;
  height: number;
  media_type: string;
}

export interface Price {
  amount: string;
  currency: string;
  per: string;
  at_most?: string;
}

export interface PrioritiesRequest {
  ids?: string[] | null;
  filter?: Record<string, unknown> | null;
  dry_run?: boolean | null;
  limit?: number | null;
  cursor?: string | null;
  expect?: Expect | null;
  include_unknown?: boolean | null;
  priority: "high" | "normal" | "low";
}

export interface PriorityRequest {
  priority: "high" | "normal" | "low";
}

export interface ProbeRequest {
  reason?: string | null;
}

export interface Project {
  id: string;
  name: string;
  limits: Limits;
  created_at: string;
  created_by: string;
  archived_at: string | null;
}

export interface ProjectChange {
  name?: string | null;
  limits?: LimitsFields | null;
}

export interface ProjectList {
  projects: Project[];
  next_cursor: string | null;
}

export interface ProjectRequest {
  name: string;
  id?: string | null;
  limits?: LimitsFields | null;
}

export interface Provider {
  name: string;
  title: string;
  sandbox: boolean;
  homepage: string | null;
  default_model: string;
  types: string[];
  reference_fields: string[];
  images_per_minute: number | null;
  models: Model[];
}

export interface Providers {
  default: string;
  providers: Provider[];
  routes: RoutedModel[];
  plugins: Plugin[];
}

export interface QueueStats {
  queued: number;
  delayed: number;
  held: number;
  waited_s: number;
  lanes: Record<string, Lane>;
}

export interface Ready {
  status: "ok" | "unavailable";
  checks: Record<string, string>;
}

export interface ResendRequest {
  since: string;
}

export interface Resent {
  count: number;
}

export interface Result {
  image_url?: string;
  image_urls?: string[];
  images: Image[];
  video_url?: string;
  video_urls?: string[];
  videos?: Video[];
  audios?: Audio[];
  files?: File[];
  text?: string;
  partial: boolean;
  errors?: PictureError[];
  model: string;
  usage: Record<string, unknown>;
  cost: Cost | null;
  notes: string[];
  sandbox: boolean;
  [more: string]: unknown;
}

export interface ResumeRequest {
  open?: boolean | null;
  reason?: string | null;
  revision?: number | null;
}

export interface Root {
  name: string;
  version: string;
  links: Record<string, string>;
}

export interface RotateRequest {
  overlap_s?: number | null;
}

export interface Route {
  model: string;
  target: string;
  tried: Tried[];
}

export interface RouteTarget {
  provider: string;
  model: string;
  present: boolean;
}

export interface RoutedModel {
  model: string;
  types: string[];
  targets: RouteTarget[];
}

export interface Secret {
  shown: string;
  created_at: string;
  good_until: string | null;
}

export interface Series {
  since: string;
  until: string;
  tz: string;
  by: "half_hour" | "hour" | "day" | "month";
  group: "model" | "provider" | "key" | "user" | "project" | null;
  sandbox: boolean;
  complete: boolean;
  starts: string[];
  steps: SeriesStep[];
  groups: SeriesGroup[];
  cells: SeriesCell[];
  totals: Spent[];
  open: OpenCost[];
}

export interface SeriesCell {
  currency: string | null;
  completed: number;
  failed: number;
  cancelled: number;
  pictures: number;
  settled: string;
  unknown: string;
  in_doubt: number;
  lost: string;
  name: string | null;
  others: number;
  start: string;
}

export interface SeriesGroup {
  currency: string | null;
  completed: number;
  failed: number;
  cancelled: number;
  pictures: number;
  settled: string;
  unknown: string;
  in_doubt: number;
  lost: string;
  name: string | null;
  others: number;
}

export interface SeriesStep {
  currency: string | null;
  completed: number;
  failed: number;
  cancelled: number;
  pictures: number;
  settled: string;
  unknown: string;
  in_doubt: number;
  lost: string;
  start: string;
}

export interface Session {
  id: string;
  user_id: string;
  key: string;
  project: string;
  created_at: string;
  seen_at: string;
  expires_at: string;
  address: string;
  agent: string | null;
  current: boolean;
}

export interface SessionList {
  sessions: Session[];
}

export interface SignInRequest {
  key: string;
  user_id?: string;
}

export interface Space {
  free_bytes: number;
  total_bytes: number;
}

export interface SpendLimit {
  of: "project" | "key";
  window: "day" | "month";
  currency: string;
  limit: string;
  used: string;
  reserved: string;
  remaining: string;
  warning: boolean;
  resets_at: string;
}

export interface Spent {
  currency: string | null;
  completed: number;
  failed: number;
  cancelled: number;
  pictures: number;
  settled: string;
  unknown: string;
  in_doubt: number;
  lost: string;
}

export interface Starred {
  id: string;
  starred: boolean;
}

export interface Task {
  id: string;
  user_id: string;
  type: string;
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  provider: string;
  model: string;
  route: Route | null;
  input: Record<string, unknown>;
  output: Output | null;
  error: TaskError | null;
  progress: number;
  attempts: number;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  completed_at: string | null;
  scheduled_for: string | null;
  next_try_at: string | null;
  priority: "high" | "normal" | "low";
  on_ambiguous: "retry" | "fail" | null;
  notes: string[];
  images: number;
  kind?: "image" | "video" | "audio" | "model" | "file";
  usage: Record<string, unknown>;
  cost: Cost | null;
  billed: "yes" | "no" | "unknown";
  in_doubt?: Money[];
  sandbox: boolean;
  calls: Call[];
  webhook?: TaskWebhook;
  batch?: BatchPlace;
}

export interface TaskCounts {
  pending: number;
  scheduled: number;
  processing: number;
  completed: number;
  failed: number;
  cancelled: number;
}

export interface TaskError {
  code: string;
  message: string;
  retryable: boolean;
  billed: "yes" | "no" | "unknown";
  provider_code: string | null;
  request_id: string | null;
}

export interface TaskList {
  tasks: Task[];
  limit: number;
  offset: number;
  count: number;
  total: number;
  next_cursor: string | null;
}

export interface TaskPage {
  tasks: (TaskRow | TaskPart)[];
  count: number;
  next_cursor: string | null;
  searched_to: string | null;
  total?: number | null;
}

export interface TaskPart {
  id: string;
  [more: string]: unknown;
}

export interface TaskRequest {
  type: string;
  model: string;
  input: Record<string, unknown>;
  user_id: string;
  provider?: string | null;
  delay?: number | null;
  priority?: "high" | "normal" | "low" | null;
  on_ambiguous?: "retry" | "fail" | null;
  webhook?: string | TaskWebhookRequest | null;
}

export interface TaskRow {
  id: string;
  project: string | null;
  user_id: string;
  type: string;
  kind: "image" | "video" | "audio" | "model" | "file";
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  provider: string;
  model: string;
  route: string | null;
  prompt: string | null;
  images: number;
  kept: number;
  missing: number;
  url: string | null;
  error_code: string | null;
  retryable: boolean | null;
  batch: BatchPlace | null;
  priority: "high" | "normal" | "low";
  progress: number;
  attempts: number;
  cost: Cost | null;
  billed: "yes" | "no" | "unknown";
  in_doubt: Money[];
  sandbox: boolean;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  completed_at: string | null;
  run_at: string | null;
}

export interface TaskWebhook {
  url: string;
  events: string[];
}

export interface TaskWebhookRequest {
  url: string;
  events?: string[] | null;
}

export interface Told {
  task_id: string;
  status: "processing" | "failed";
  message?: string;
  error?: PollError;
}

export interface ToldOutput {
  images: Image[];
  videos?: Video[];
  audios?: Audio[];
  files?: File[];
}

export interface ToldTask {
  id: string;
  user_id: string;
  type: string;
  status: "pending" | "scheduled" | "processing" | "completed" | "failed" | "cancelled";
  provider: string;
  model: string;
  output: ToldOutput;
  error: TaskError | null;
  cost: Cost | null;
  billed: "yes" | "no" | "unknown";
  created_at: string;
  completed_at: string | null;
}

export interface Tried {
  provider: string;
  model: string;
  code: string;
  at: string;
  billed: "yes" | "no" | "unknown";
}

export interface Try {
  at: string;
  ms: number;
  status: number | null;
  error: string | null;
  answer: string | null;
}

export interface Upload {
  id: string;
  uri: string;
  url: string;
  path: string;
  media_type: string;
  width: number;
  height: number;
  size_bytes: number;
  sha256: string;
  created_at: string;
  expires_at: string;
}

export interface UploadList {
  uploads: Upload[];
  count: number;
  next_cursor: string | null;
}

export interface Usage {
  since: string;
  until: string;
  tz: string;
  group_by: string[];
  rows: UsageRow[];
  next_cursor: string | null;
  totals: UsageRow[];
}

export interface UsageRow {
  day?: string;
  project?: string | null;
  key?: string | null;
  user?: string;
  model?: string;
  provider?: string;
  currency: string | null;
  completed: number;
  failed: number;
  cancelled: number;
  open: number;
  pictures: number;
  settled: string;
  unknown: string;
  reserved: string;
}

export interface User {
  id: string;
  email: string;
  name: string;
  created_at: string;
  updated_at: string;
}

export interface UserChange {
  email?: string | null;
  name?: string | null;
}

export interface UserRequest {
  email: string;
  name: string;
}

export interface Video {
  index: number;
  url: string;
  poster_url: string | null;
  width: number;
  height: number;
  duration_s: number | null;
  fps: number | null;
  has_audio: boolean;
  media_type: string;
  size_bytes: number;
  sha256: string;
  decoded: boolean;
}

export interface Webhook {
  id: string;
  url: string | null;
  events: string[];
  description: string;
  enabled: boolean;
  disabled_at: string | null;
  disabled_because: "by_hand" | "gone" | "failing" | null;
  last_success_at: string | null;
  old_secrets: string[];
  created_at: string;
  updated_at: string;
  secret?: string;
}

export interface WebhookChange {
  url?: string | null;
  events?: string[] | null;
  description?: string | null;
  enabled?: boolean | null;
}

export interface WebhookEvent {
  type: "task.created" | "task.started" | "task.retrying" | "task.completed" | "task.failed" | "task.cancelled" | "task.deleted" | "task.amended" | "budget.warning" | "webhook.disabled" | "webhook.test";
  timestamp: string;
  data: ToldTask;
}

export interface WebhookList {
  webhooks: Webhook[];
}

export interface WebhookRequest {
  url: string;
  events?: string[] | null;
  description?: string | null;
  enabled?: boolean | null;
}

export interface WebhookSecret {
  secret: string;
  old_secrets: string[];
}

export interface Worker {
  host: string;
  pid: number;
  started_at: string | null;
  seen_at: string;
}
