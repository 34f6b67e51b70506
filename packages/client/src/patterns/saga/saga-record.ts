/**
 * One saga as it is stored: the state together with everything that must not be lost or done twice.
 *
 *   message ──► handler ──► save: state, message id in `seen`, outgoing messages in `outbox`   (one write, at the version read)
 *                                │
 *                                ▼ crash here: the message comes again, is known, and only the rest is done
 *                           send the outbox ──► save: outbox without them ──► acknowledge the message
 *
 * The outbox is sent in its order, whichever message comes first after something was left in it: what a step could not send goes out before what later
 * steps have led to, and a refund never before its charge. While one message of it cannot be sent, none behind it is.
 *
 * Outgoing messages have ids made of saga, id and a count, so a second sending is the same message: stored once where the engine
 * deduplicates, and recognizable for its receiver everywhere.
 */
import type { SagaStatus } from './saga-types.ts';

export interface SagaRecord {
  readonly status: SagaStatus;
  readonly state: unknown;
  /** Messages that were handled, oldest first. */
  readonly seen: readonly string[];
  /** Stored with the state, and not known to be sent; the oldest first. */
  readonly outbox: readonly StoredSend[];
  /** How many messages were made so far. */
  readonly made: number;
  /** Oldest first. */
  readonly compensations: readonly StoredCompensation[];
  /** The kind that confirms the compensation that was sent last. */
  readonly awaiting?: string | undefined;
  /** Which message of the ones that were set is the one that counts, by name. */
  readonly timeouts: Readonly<Record<string, string>>;
}

export interface StoredSend {
  readonly to: 'queue' | 'topic';
  readonly name: string;
  readonly id: string;
  /** Base64. */
  readonly body: string;
  readonly contentType: string;
  readonly type?: string | undefined;
  readonly key?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly correlationId?: string | undefined;
  readonly madeMs: number;
  /** Not to be delivered before. */
  readonly dueMs?: number | undefined;
  readonly dedupe?: string | undefined;
}

export type StoredCompensation = StoredSend & {
  readonly confirmedBy?: string | undefined;
};

export interface VersionedRecord {
  readonly version: number;
  readonly record: SagaRecord;
}

/** Where sagas are kept. */
export interface SagaStore {
  load(saga: string, id: string): Promise<VersionedRecord | undefined>;
  /** Durable when it resolves. `expected`: the version that was loaded, 0: there is none. Rejects with `version-conflict`. */
  save(saga: string, id: string, record: SagaRecord, expected: number): Promise<void>;
}
