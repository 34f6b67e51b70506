/** One messaging API for PolyMQ, RabbitMQ, Kafka, SQS/SNS and Redis. */
export type { Client } from './client/client.ts';
export { type ClientOptions, type CreatedClient, createClient } from './client/create-client.ts';
export { type ConnectOptions, connect, type SplitAddress } from './connect/connect.ts';
export { CAPABILITIES, type Capabilities, type Capability } from './driver/capabilities.ts';
export type { QueueLimit, QueueStats } from './driver/driver.ts';
export type { SqsCredentials, SqsOptions } from './drivers/sqs/options.ts';
export { CLIENT_ERRORS, type ClientErrorCode, PolymqError, UnsupportedError } from './errors.ts';
export type { Duration } from './lib/duration.ts';
export type { StoredErrors } from './message/attempts.ts';
export type { DataOf, EncodedData, MessageContract } from './message/contract.ts';
export type { Interceptor, Place } from './message/interceptor.ts';
export type * from './message/message.ts';
export {
  type AutoscaleOptions,
  type Autoscaler,
  autoscale,
} from './patterns/autoscale/autoscale.ts';
export { avro } from './patterns/contract/avro.ts';
export {
  type ContractOptions,
  type DefinedMessage,
  defineMessage,
} from './patterns/contract/define-message.ts';
export { jsonSchema } from './patterns/contract/json-schema.ts';
export {
  type Compatibility,
  type ContractRegistry,
  contractRegistry,
  memoryRegistry,
  type RegisteredContract,
  type RegistryStore,
} from './patterns/contract/registry.ts';
export type { SchemaDocument, StandardSchema } from './patterns/contract/schema.ts';
export { type TopicRegistry, topicRegistry } from './patterns/contract/topic-registry.ts';
export {
  type Encryption,
  type EncryptionKey,
  type EncryptOptions,
  encrypt,
} from './patterns/crypto/encrypt.ts';
export {
  type SignatureKey,
  type Signing,
  type SignOptions,
  sign,
} from './patterns/crypto/sign.ts';
export type { Decided, DecideOptions } from './patterns/events/decide.ts';
export {
  type Appended,
  type AppendOptions,
  type EventStore,
  type EventStoreOptions,
  eventStore,
  type ReadAllOptions,
  type ReadOptions,
} from './patterns/events/event-store.ts';
export type {
  AnyEvents,
  Decider,
  Folded,
  NewEvent,
  RecordedEvent,
} from './patterns/events/event-types.ts';
export type { Snapshot, SnapshotOptions, SnapshotStore } from './patterns/events/snapshots.ts';
export { type Fanout, type FanoutQueue, fanout } from './patterns/fanout/fanout.ts';
export {
  type IdempotencyOptions,
  type IdempotentOptions,
  idempotent,
  onceBy,
} from './patterns/idempotency/idempotent.ts';
export { type MemoryStoreOptions, memoryStore } from './patterns/idempotency/memory-store.ts';
export {
  type RedisClient,
  type RedisStoreOptions,
  redisStore,
} from './patterns/idempotency/redis-store.ts';
export { type SqlStoreOptions, sqlStore } from './patterns/idempotency/sql-store.ts';
export type { Begun, IdempotencyStore } from './patterns/idempotency/store.ts';
export { type Inbox, type InboxMessage, type InboxOptions, inbox } from './patterns/inbox/inbox.ts';
export {
  type LoopBlocked,
  type LoopWatch,
  loopWatch,
} from './patterns/observability/loop-watch.ts';
export {
  type Alert,
  type Monitor,
  type MonitorLimits,
  type MonitorOptions,
  monitor,
  type Sample,
} from './patterns/observability/monitor.ts';
export {
  type OpenTelemetryOptions,
  openTelemetry,
} from './patterns/observability/open-telemetry.ts';
export {
  type Added,
  type Outbox,
  type OutboxOptions,
  type OutboxRelay,
  type OutboxStats,
  outbox,
  type ParkedMessage,
} from './patterns/outbox/outbox.ts';
export type {
  CheckpointStore,
  Projection,
  ProjectionContext,
  ProjectionHandlers,
  ProjectionLag,
  ProjectOptions,
} from './patterns/projection/projection.ts';
export { publishEvents } from './patterns/projection/publish-events.ts';
export {
  type RateLimit,
  type RateLimitOptions,
  rateLimit,
} from './patterns/rate-limit/rate-limit.ts';
export { saga } from './patterns/saga/saga.ts';
export type { SagaRecord, SagaStore, VersionedRecord } from './patterns/saga/saga-record.ts';
export type {
  BySaga,
  CompensationOptions,
  KindData,
  MessageKind,
  Saga,
  SagaContext,
  SagaHandler,
  SagaMessage,
  SagaOptions,
  SagaSendOptions,
  SagaStatus,
} from './patterns/saga/saga-types.ts';
export { service } from './patterns/service/service.ts';
export type {
  AnyService,
  RequestOptions,
  Service,
  ServiceHandler,
  ServiceOptions,
  ServiceRequest,
  ServiceShape,
} from './patterns/service/types.ts';
export type * from './queue/queue.ts';
export type {
  Listening,
  SqlDatabase,
  SqlQueries,
  SqlResult,
  SqlRow,
  SqlTransaction,
  SqlValue,
} from './sql/database.ts';
export { migrate, type SqlSchema, type SqlStep } from './sql/migrate.ts';
export { type PostgresClient, type PostgresPool, postgres } from './sql/postgres.ts';
export { type DirectSqlite, type PreparingSqlite, sqlite } from './sql/sqlite.ts';
export type * from './topic/topic.ts';
