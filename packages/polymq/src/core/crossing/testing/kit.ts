/** Streams, queues and exchanges with what crosses between them, restartable on their data. */
import { silentLogger } from '../../../lib/logger.ts';
import { Alarms } from '../../alarms.ts';
import type { Binding } from '../../exchange/exchanges.ts';
import { type OpenExchanges, openExchanges } from '../../exchange/open-exchanges.ts';
import { MessageFormats } from '../../message/message-formats.ts';
import type { NeutralMessage } from '../../message/neutral-message.ts';
import { declaredQueues, openQueues } from '../../queue/open-queues.ts';
import type { Queue } from '../../queue/queue.ts';
import type { QueueCatalogue } from '../../queue/queue-catalogue.ts';
import type { QueueSettings } from '../../queue/queue-definition.ts';
import { type OpenMessageStore, openMessageStore } from '../../queue/store/open-message-store.ts';
import { readBuffers } from '../../record/record-reader.ts';
import { type RecordToWrite, writeBatch } from '../../record/record-writer.ts';
import { type Kit, type KitOptions, openKit, START_MS } from '../../stream/testing/kit.ts';
import { type OpenCrossing, openCrossing } from '../open-crossing.ts';

export interface QueuedMessage {
  exchange: string;
  routingKey: string;
  body: string;
  message: NeutralMessage;
}

export class CrossingKit {
  readonly base: Kit;
  readonly store: OpenMessageStore;
  readonly queues: QueueCatalogue;
  readonly exchanges: OpenExchanges;
  readonly crossing: OpenCrossing;
  readonly alarms: Alarms;
  readonly formats: MessageFormats;

  private constructor(base: Kit, parts: Omit<CrossingParts, 'base'>) {
    this.base = base;
    this.store = parts.store;
    this.queues = parts.queues;
    this.exchanges = parts.exchanges;
    this.crossing = parts.crossing;
    this.alarms = parts.alarms;
    this.formats = parts.formats;
  }

  static async open(options: KitOptions = {}): Promise<CrossingKit> {
    return CrossingKit.#on(await openKit(options));
  }

  static async #on(base: Kit): Promise<CrossingKit> {
    const { engine, environment, meta, streams } = base;
    const logger = silentLogger;
    const declared = declaredQueues(meta);
    const store = await openMessageStore({
      engine,
      environment,
      durability: 'fsync',
      knowsQueue: (id) => declared.knows(id),
    });
    const { queues } = openQueues({ environment, declared, store, logger });
    queues.restored();
    const formats = new MessageFormats();
    const streamExists = (name: string): boolean => streams.get(name) !== undefined;
    const opened = { environment, meta, queues, formats, logger };
    const exchanges = await openExchanges({ ...opened, streamExists });
    streams.onChange(({ stream }) => exchanges.exchanges.streamChanged(stream.name));
    const alarms = new Alarms();
    const crossing = await openCrossing({
      ...opened,
      ...exchanges,
      streams,
      alarms,
    });
    return new CrossingKit(base, { store, queues, exchanges, crossing, alarms, formats });
  }

  /** Stops in order (or, with `crash`, not at all) and starts again on the same data. */
  async restart(options: { crash?: boolean } = {}): Promise<CrossingKit> {
    this.crossing.close();
    if (!options.crash) await this.#close();
    return CrossingKit.#on(await this.base.restart(options));
  }

  async #close(): Promise<void> {
    await this.exchanges.close();
    await this.queues.close();
    await this.store.close();
  }

  async destroy(): Promise<void> {
    this.crossing.close();
    await this.#close();
    await this.base.destroy();
  }

  queue(name: string, settings: QueueSettings = {}, durable = true): Promise<Queue> {
    const flags = { durable, autoDelete: false, exclusive: false, declared: {} };
    return this.queues.declare('', name, { ...flags, settings });
  }

  /** Binds a stream to a queue, or to what `more` says, and waits until its cursor is durable. */
  async bind(stream: string, destination: string, more: Partial<Binding> = {}): Promise<void> {
    await this.exchanges.exchanges.bind(bindingOf(stream, destination, more));
    await this.crossing.bindings.refresh();
  }

  async unbind(stream: string, destination: string, more: Partial<Binding> = {}): Promise<void> {
    await this.exchanges.exchanges.unbind(bindingOf(stream, destination, more));
    await this.crossing.bindings.refresh();
  }

  /** Appends records to a partition of a stream, as a producer would. */
  async produce(
    stream: string,
    records: readonly (string | RecordToWrite)[],
    partition = 0,
  ): Promise<void> {
    const batch = writeBatch({
      records: records.map((record) =>
        typeof record === 'string' ? { value: Buffer.from(record) } : record,
      ),
      timestampMs: START_MS,
    });
    await this.base.streams.get(stream)!.partitions[partition]!.append(batch, 'committed');
  }

  /** The values of a stream's partition. */
  async values(stream: string, partition = 0): Promise<string[]> {
    const { buffers } = await this.base.streams
      .get(stream)!
      .partitions[partition]!.read(0, 10_000_000, true);
    return Array.from(readBuffers(buffers), ({ value }) => value!.toString());
  }

  /** Everything that waits in the queue, once nothing moves any more. */
  async messages(queue: string): Promise<QueuedMessage[]> {
    await this.settle();
    const messages: QueuedMessage[] = [];
    await this.queues.get('', queue)!.peek(1_000_000, (view) => {
      messages.push({
        exchange: view.exchange,
        routingKey: view.routingKey,
        body: view.body.toString(),
        message: this.formats.neutralOf(view),
      });
    });
    return messages;
  }

  async bodies(queue: string): Promise<string[]> {
    return (await this.messages(queue)).map(({ body }) => body);
  }

  /** Waits until all pumps have read what there is, or stand before a full queue. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 5; ) {
      const before = this.#state();
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = this.#state() === before ? quiet + 1 : 0;
    }
    await this.store.whenCommitted(this.store.position);
  }

  #state(): string {
    const positions = this.crossing.bindings.pumps.map(({ position }) => position);
    return JSON.stringify([positions, this.store.position, this.store.committed]);
  }
}

interface CrossingParts {
  base: Kit;
  store: OpenMessageStore;
  queues: QueueCatalogue;
  exchanges: OpenExchanges;
  crossing: OpenCrossing;
  alarms: Alarms;
  formats: MessageFormats;
}

function bindingOf(source: string, destination: string, more: Partial<Binding>): Binding {
  return {
    namespace: '',
    source,
    sourceKind: 'stream',
    destination,
    destinationKind: 'queue',
    routingKey: '',
    arguments: {},
    ...more,
  };
}
