/** Queues over the real store and a log in memory that outlives them. */
import type { Timer, Timers } from '../../../lib/environment/clock.ts';
import { SeededRandom } from '../../../lib/environment/simulated/seeded-random.ts';
import { SimulatedClock } from '../../../lib/environment/simulated/simulated-clock.ts';
import { SimulatedDisk } from '../../../lib/environment/simulated/simulated-disk.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { LogEngine } from '../../../log/log.ts';
import { createMemoryEngine } from '../../../log/memory/memory-engine.ts';
import { MetaJournal } from '../../meta/meta-journal.ts';
import type { CoreQueue } from '../core-queue.ts';
import { declaredQueues, openQueues } from '../open-queues.ts';
import type { QueueCatalogue } from '../queue-catalogue.ts';
import type { QueueSettings } from '../queue-definition.ts';
import { type OpenMessageStore, openMessageStore } from '../store/open-message-store.ts';
import { definition } from './kit.ts';

/** Timers that do nothing any more when the process they belong to is dead. */
class MortalTimers implements Timers {
  readonly #clock: SimulatedClock;
  alive = true;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#clock.after(delayMs, () => this.#run(callback));
  }

  clear(timer: Timer | undefined): void {
    this.#clock.clear(timer);
  }

  immediate(callback: () => void): void {
    this.#clock.immediate(() => this.#run(callback));
  }

  #run(callback: () => void): void {
    if (this.alive) callback();
  }
}

export class RestartKit {
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly #engine: LogEngine = createMemoryEngine({ timers: this.clock });
  #timers: MortalTimers = new MortalTimers(this.clock);
  #stop: () => Promise<void> = async () => undefined;
  store!: OpenMessageStore;
  queues!: QueueCatalogue;

  async start({ restored = true }: { restored?: boolean } = {}): Promise<void> {
    const timers = new MortalTimers(this.clock);
    this.#timers = timers;
    const environment = {
      clock: this.clock,
      timers,
      random: new SeededRandom(1),
      disk: new SimulatedDisk().attach(),
      network: undefined as never,
      outbound: undefined as never,
    };
    const meta = await MetaJournal.open({ engine: this.#engine, clock: this.clock });
    const declared = declaredQueues(meta);
    const store = await openMessageStore({
      engine: this.#engine,
      environment,
      durability: 'fsync',
      knowsQueue: (id) => declared.knows(id),
    });
    const opened = openQueues({ environment, declared, store, logger: silentLogger });
    if (restored) opened.queues.restored();
    this.store = store;
    this.queues = opened.queues;
    this.#stop = async () => {
      await opened.close();
      await store.close();
      await meta.close();
    };
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Ends without a word, when all that was done so far is durable, and starts again. */
  async crash(): Promise<void> {
    await this.store.whenCommitted(this.store.position);
    this.#timers.alive = false;
    await this.start();
  }

  declare(name: string, settings: QueueSettings = {}): Promise<CoreQueue> {
    return this.queues.declare('', name, definition(settings));
  }

  get(name: string): CoreQueue {
    return this.queues.get('', name)!;
  }
}
