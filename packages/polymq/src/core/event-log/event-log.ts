/**
 * The event log as others see it: stores of streams of events, appended with an expected version.
 *
 * A store is a stream of records whose retention removes nothing; each of its streams of events lies in one partition of it. What is in a
 * store is a function of its log alone (`event-record.ts`), so a crash at any point leaves whole appends or nothing.
 */

/** An event on its way in. */
export interface EventToAppend {
  /** The id by which an append that is sent again is known. */
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly type?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** When it happened, ms since the epoch. */
  readonly timestampMs: number;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
}

/** An event as it is stored. Its body is a copy that belongs to the caller. */
export interface LoggedEvent extends EventToAppend {
  readonly stream: string;
  /** 1 for the first event of its stream, and so on without gaps. */
  readonly version: number;
  /** See `readAll`. */
  readonly position: string;
}

export type EventAppendOutcome =
  | {
      readonly conflict: false;
      /** Of the last event. */
      readonly version: number;
      readonly position: string;
      /** The same events stood there already: an append that was sent again. */
      readonly duplicate: boolean;
    }
  | {
      readonly conflict: true;
      /** The version that the stream has. */
      readonly version: number;
    };

export interface ReadAllOptions {
  readonly max: number;
  /** How long to wait for the first event. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** All methods reject with `BrokerError`. */
export interface EventLog {
  /**
   * Appends all events or none; a store that does not exist is made. `expected`: the version the stream must have, 0 for a stream that must
   * not exist; undefined: any. Resolves when they are committed in the durability of the store's stream, or refused as a conflict. The same events (by id) at
   * the expected place are answered as before, so an append may be sent again. Rejects with `message-too-large`, `limit-reached`,
   * `invalid-config` (the stream's retention would remove events), `storage-full`, `storage-failed`.
   */
  append(
    store: string,
    stream: string,
    events: readonly EventToAppend[],
    expected?: number | undefined,
  ): Promise<EventAppendOutcome>;
  /** The version of a stream: 0 if there is none. */
  version(store: string, stream: string): Promise<number>;
  /** Events of one stream from `fromVersion` on, in order: at most `max`, and fewer when they are large. Reads nothing else. */
  readStream(
    store: string,
    stream: string,
    fromVersion: number,
    max: number,
  ): Promise<LoggedEvent[]>;
  /**
   * Events of the whole store behind the position `after` (undefined: from the first), at most `max`, and fewer when they are large. Events of one
   * stream come in order, those of a partition too. Waits for the first. Rejects with `offset-out-of-range` if the store
   * has never been that far: it was deleted and made again.
   */
  readAll(
    store: string,
    after: string | undefined,
    options: ReadAllOptions,
  ): Promise<LoggedEvent[]>;
}

export interface EventLogLimits {
  /** Memory for the indexes of all open stores: 8 bytes per event and some 200 per stream. */
  indexBytesMax: number;
  /** Appends that are not committed yet, per store; further ones wait. */
  inFlightBytesMax: number;
  /** Readers that wait for events, over all stores. */
  waitersMax: number;
}

export const EVENT_LOG_LIMITS: Readonly<EventLogLimits> = Object.freeze({
  indexBytesMax: 512 * 1024 * 1024,
  inFlightBytesMax: 64 * 1024 * 1024,
  waitersMax: 10_000,
});

/** In one append. */
export const EVENTS_PER_APPEND_MAX = 10_000;
/** In one answer. */
export const EVENTS_PER_READ_MAX = 10_000;
/** Of bodies in one answer, unless the first is larger. */
export const READ_BODY_BYTES_MAX: number = 8 * 1024 * 1024;
