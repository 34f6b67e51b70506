import type { BrokerError } from '../errors.ts';
import type { DestinationKind, Exchanges, Publisher } from '../exchange/exchanges.ts';
import type { Queues } from '../queue/queues.ts';
import type { Partition } from '../stream/streams.ts';
import type { StreamPump } from './stream-pump.ts';
import type { StreamTarget } from './stream-target.ts';

/** What a pump is allowed in one turn; it takes off what it has used. */
export interface TurnBudget {
  records: number;
  bytes: number;
}

/** What pumps need of the rest of the core. */
export interface PumpContext {
  queues: Queues;
  exchanges: Pick<Exchanges, 'get' | 'route'>;
  publisher: Publisher;
  target: Pick<StreamTarget, 'appendWhole'>;
  clock: { nowMs(): number };
  /** Puts the pump at the end of the line. */
  wake(pump: StreamPump): void;
  /** Wakes the pump after a while: its target is full. */
  wakeLater(pump: StreamPump): void;
  /** The target does not take the record at the pump's position, and never will. */
  dropped(pump: StreamPump, refusal: BrokerError): void;
  /** The pump has met an error: it is woken after a longer while. */
  failed(pump: StreamPump, error: unknown): void;
}

export interface PumpPlace {
  namespace: string;
  destination: string;
  destinationKind: DestinationKind;
  /** Of the queue that was bound: another one of the same name is not meant. */
  queueId: number | undefined;
  /** The name of the exchange that messages seem to come from, unless they were published to another. */
  exchange: string;
  partition: Partition;
  /** Where it starts. */
  position: number;
  /** The name of the cursor's mark; `undefined`: the target is gone after a restart, and so is the cursor. */
  mark: string | undefined;
}

export interface PumpCounters {
  /** Records published. */
  records: number;
  /** Records that reached nothing, or were refused by a full queue among several. */
  unroutable: number;
  /** Offsets that could not be read. */
  skipped: number;
}
