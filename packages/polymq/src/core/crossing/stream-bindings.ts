/**
 * Keeps one pump for each partition of each stream that is the source of a binding: `refresh` compares what is bound with
 * what is pumped.
 *
 *   bindings ──refresh──► pumps ──line──► queues, exchanges, streams
 *
 * A stream nobody has bound has no pump and no listener, so producing into it costs nothing more. Cursors are named
 * by what never comes back: stream ids, partitions, queue ids. All bindings of one stream to one target are one
 * cursor, as a queue gets a message once however it is bound.
 *
 * A binding that was there at start goes on where its mark stands; one that is made while the broker runs starts where
 * its arguments say, and has its mark in the journal before `refresh` resolves: from then on nothing is lost.
 * Partitions that are added later are read from their beginning.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import type { Alarms } from '../alarms.ts';
import type { BrokerError } from '../errors.ts';
import type { Binding, Exchanges, Publisher } from '../exchange/exchanges.ts';
import type { Queues } from '../queue/queues.ts';
import type { Stream, Streams } from '../stream/streams.ts';
import { parseStreamStart, START_ARGUMENT } from './binding-start.ts';
import type { PumpContext, PumpPlace } from './pump-context.ts';
import { PumpLine } from './pump-line.ts';
import { type StreamStart, startPosition } from './record-cursor.ts';
import { StreamPump } from './stream-pump.ts';
import type { StreamTarget } from './stream-target.ts';

export interface StreamBindingsOptions {
  streams: Pick<Streams, 'get' | 'onChange'>;
  exchanges: Pick<Exchanges, 'get' | 'route' | 'bindings'>;
  /** The bindings whose source is a stream. Default: found among all. */
  bindings?: () => Iterable<Binding>;
  queues: Queues;
  publisher: Publisher;
  target: Pick<StreamTarget, 'appendWhole'>;
  environment: Pick<Environment, 'clock' | 'timers'>;
  logger?: Logger;
  /** While anything is short, records wait in their streams. */
  alarms?: Pick<Alarms, 'reason' | 'onChange'>;
}

/** In front of a stream's name: the exchange that messages seem to come from which nobody published to one. */
export const STREAM_EXCHANGE_PREFIX = 'stream:';

/** How long a pump waits whose target is full, and one that has met an error. */
const FULL_WAIT_MS = 50;
const ERROR_WAIT_MS = 1000;

interface Entry {
  binding: Binding;
  stream: Stream;
  queueId: number | undefined;
  durable: boolean;
  /** By partition. */
  pumps: (StreamPump | undefined)[];
  /** Resolves when all pumps of now have their marks. */
  ready: Promise<void>;
}

export class StreamBindings {
  readonly #options: StreamBindingsOptions;
  readonly #line: PumpLine;
  readonly #context: PumpContext;
  readonly #logger: Logger;
  readonly #stopListening: () => void;
  /** By stream id and target. */
  readonly #entries = new Map<string, Entry>();
  #started = false;
  #stopped = false;

  constructor(options: StreamBindingsOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    const { queues, exchanges, publisher, target, environment } = options;
    const { timers, clock } = environment;
    this.#line = new PumpLine({ store: queues.store, timers, alarms: options.alarms });
    this.#context = {
      queues,
      exchanges,
      publisher,
      target,
      clock,
      wake: (pump) => this.#line.push(pump),
      wakeLater: (pump) => timers.after(FULL_WAIT_MS, () => pump.resume()).unref(),
      dropped: (pump, refusal) => this.#logDropped(pump, refusal),
      failed: (pump, error) => this.#failed(pump, error),
    };
    this.#stopListening = options.streams.onChange(({ kind }) => {
      if (!this.#started || kind === 'configured') return;
      this.refresh().catch((error: unknown) => {
        this.#logger.warn({ error }, 'the cursors of stream bindings are not durable yet');
      });
    });
  }

  /** What is pumped, for whoever wants to show it. */
  get pumps(): StreamPump[] {
    return [...this.#entries.values()].flatMap(({ pumps }) =>
      pumps.filter((pump) => pump !== undefined),
    );
  }

  /**
   * To be called once the queues and exchanges are there, and after every change of bindings whose source is a
   * stream. Resolves when the cursors of all of them are durable: a binding is confirmed then, not before.
   */
  async refresh(): Promise<void> {
    if (this.#stopped) return;
    const restored = !this.#started;
    this.#started = true;
    const wanted = this.#wanted();
    for (const [key, entry] of this.#entries) if (!wanted.has(key)) this.#remove(key, entry);
    for (const [key, entry] of wanted) {
      const known = this.#entries.get(key);
      if (known === undefined) this.#add(key, entry, restored);
      else this.#grow(key, known);
    }
    await Promise.all([...this.#entries.values()].map(({ ready }) => ready));
  }

  /** Pumps end; cursors stay where they are. */
  stop(): void {
    this.#stopped = true;
    this.#stopListening();
    this.#line.stop();
    for (const pump of this.pumps) pump.stop();
  }

  #wanted(): Map<string, Omit<Entry, 'pumps' | 'ready'>> {
    const wanted = new Map<string, Omit<Entry, 'pumps' | 'ready'>>();
    for (const binding of this.#bindings()) {
      const stream = this.#options.streams.get(binding.source);
      const target = this.#target(binding);
      if (stream === undefined || target === undefined) continue;
      const key = `${stream.id}/${target.key}`;
      const { queueId, durable } = target;
      if (!wanted.has(key)) wanted.set(key, { binding, stream, queueId, durable });
    }
    return wanted;
  }

  #bindings(): Iterable<Binding> {
    const { bindings, exchanges } = this.#options;
    return bindings?.() ?? exchanges.bindings().filter(({ sourceKind }) => sourceKind === 'stream');
  }

  #target(
    binding: Binding,
  ): { key: string; queueId: number | undefined; durable: boolean } | undefined {
    const { namespace, destination, destinationKind } = binding;
    if (destinationKind === 'queue') {
      const queue = this.#options.queues.get(namespace, destination);
      if (queue === undefined) return undefined;
      const { durable, exclusive } = queue.definition;
      return { key: `queue/${queue.id}`, queueId: queue.id, durable: durable && !exclusive };
    }
    if (destinationKind === 'stream') {
      const stream = this.#options.streams.get(destination);
      return stream && { key: `stream/${stream.id}`, queueId: undefined, durable: true };
    }
    const exchange = this.#options.exchanges.get(namespace, destination);
    const key = `exchange/${namespace}/${destination}`;
    return exchange && { key, queueId: undefined, durable: exchange.definition.durable };
  }

  #add(key: string, found: Omit<Entry, 'pumps' | 'ready'>, restored: boolean): void {
    const { store } = this.#options.queues;
    const entry: Entry = { ...found, pumps: [], ready: Promise.resolve() };
    this.#entries.set(key, entry);
    const { partitions } = entry.stream;
    const marks = partitions.map((_, index) =>
      restored && entry.durable ? store.mark(markName(key, index)) : undefined,
    );
    // Where one partition has a mark, one without was added after the binding.
    const known = marks.some((mark) => mark !== undefined);
    entry.ready = this.#startAll(
      key,
      entry,
      marks.map((mark) => mark ?? (known ? 'first' : undefined)),
    );
  }

  /** The stream may have got more partitions. */
  #grow(key: string, entry: Entry): void {
    const { stream, pumps, ready } = entry;
    if (stream.partitions.length <= pumps.length) return;
    const starts = stream.partitions.slice(pumps.length).map((): StreamStart => 'first');
    const started = this.#startAll(key, entry, starts);
    entry.ready = Promise.all([ready, started]).then(() => undefined);
  }

  /** Starts a pump for each of the next partitions. `undefined`: where the binding says. */
  async #startAll(
    key: string,
    entry: Entry,
    starts: readonly (StreamStart | undefined)[],
  ): Promise<void> {
    const first = entry.pumps.length;
    entry.pumps.push(...starts.map(() => undefined));
    const { store } = this.#options.queues;
    await Promise.all(starts.map((start, index) => this.#start(key, entry, first + index, start)));
    if (entry.durable) await store.whenCommitted(store.position);
  }

  async #start(
    key: string,
    entry: Entry,
    index: number,
    start: StreamStart | undefined,
  ): Promise<void> {
    const { binding, stream, queueId, durable } = entry;
    const partition = stream.partitions[index]!;
    const nowMs = this.#options.environment.clock.nowMs();
    const from = start ?? parseStreamStart(binding.arguments[START_ARGUMENT], nowMs) ?? 'next';
    const found = startPosition(partition, from);
    const position = found instanceof Promise ? await found : found;
    if (this.#stopped || this.#entries.get(key) !== entry) return;
    const mark = durable ? markName(key, index) : undefined;
    const place: PumpPlace = {
      namespace: binding.namespace,
      destination: binding.destination,
      destinationKind: binding.destinationKind,
      queueId,
      exchange: `${STREAM_EXCHANGE_PREFIX}${stream.name}`,
      partition,
      position,
      mark,
    };
    const { store } = this.#options.queues;
    if (mark !== undefined && store.mark(mark) !== position) store.setMark(mark, position);
    entry.pumps[index] = new StreamPump(place, this.#context);
  }

  #remove(key: string, { pumps, durable }: Entry): void {
    this.#entries.delete(key);
    for (const [index, pump] of pumps.entries()) {
      pump?.stop();
      if (durable) this.#options.queues.store.setMark(markName(key, index), undefined);
    }
  }

  #failed(pump: StreamPump, error: unknown): void {
    const { partition, destination } = pump.place;
    const fields = { stream: partition.streamName, partition: partition.index, destination, error };
    this.#logger.warn(fields, 'records of a stream cannot be routed on now; trying again');
    this.#options.environment.timers.after(ERROR_WAIT_MS, () => pump.resume()).unref();
  }

  #logDropped(pump: StreamPump, error: BrokerError): void {
    const { partition, destination } = pump.place;
    const place = { stream: partition.streamName, partition: partition.index, destination };
    const fields = { ...place, offset: pump.position, error };
    this.#logger.warn(fields, 'a record was not routed on: its target does not take it');
  }
}

function markName(key: string, partition: number): string {
  return `stream/${key}/${partition}`;
}
