import { randomUUID } from 'node:crypto';
import type { StoredEvent } from '../../driver/driver.ts';
import type { Clock } from '../../lib/clock.ts';
import { decodeData, encodeData } from '../../message/codec.ts';
import type { MessageContract } from '../../message/contract.ts';
import { Contracts } from '../../message/contracts.ts';
import { applicationHeaders } from '../../message/headers.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import type { NewEvent, RecordedEvent } from './event-types.ts';

/** Events to messages and back: by contracts if there are any, which check the data and bring up old versions. */
export class EventCodec<E> {
  readonly #place: string;
  readonly #clock: Clock;
  readonly #contracts: Contracts | undefined;

  constructor(place: string, clock: Clock, contracts: readonly MessageContract[] | undefined) {
    this.#place = place;
    this.#clock = clock;
    this.#contracts = contracts === undefined ? undefined : new Contracts(place, contracts);
  }

  /** Rejects with `invalid-message`. */
  async encode(event: NewEvent<E>): Promise<WireMessage> {
    const { type, data } = event as NewEvent;
    const encoded =
      this.#contracts === undefined
        ? encodeData(data, this.#place)
        : await this.#contracts.toSend(type).encode(data);
    return {
      id: event.id ?? randomUUID(),
      body: encoded.body,
      contentType: encoded.contentType,
      type,
      headers: { ...encoded.headers, ...event.headers },
      timestampMs: this.#clock.nowMs(),
      correlationId: event.correlationId,
    };
  }

  /** Rejects with `invalid-message`. */
  async decode(event: StoredEvent): Promise<RecordedEvent<E>> {
    const data =
      this.#contracts === undefined
        ? decodeData(event.body, event.contentType)
        : await this.#contracts.ofReceived(event.type).decode(event);
    return {
      id: event.id,
      type: event.type ?? '',
      data,
      stream: event.stream,
      version: event.version,
      position: event.position,
      timestamp: event.timestampMs,
      headers: applicationHeaders(event.headers),
      correlationId: event.correlationId,
    } as RecordedEvent<E>;
  }
}
