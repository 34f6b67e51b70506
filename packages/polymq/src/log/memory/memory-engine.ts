/**
 * The log port in memory: for tests, `polymq dev` and `--data memory:`. Everything is gone with the process.
 *
 * What is appended is committed at once, in every durability mode; listeners hear of it at the end of the
 * turn, as with the file engine. Batches are kept by virtual segments, so that retention by segment
 * works the same.
 */
import type { Environment } from '../../lib/environment/environment.ts';
import type { BlobStore, Log, LogEngine, LogEngineMetrics, LogOptions } from '../log.ts';
import { MemoryLog } from './memory-log.ts';

export function createMemoryEngine(environment: Pick<Environment, 'timers'>): LogEngine {
  return new MemoryEngine(environment);
}

class MemoryEngine implements LogEngine {
  readonly blobs: BlobStore = new MemoryBlobs();
  readonly metrics: LogEngineMetrics = {
    appendedBytes: 0,
    appendedBatches: 0,
    readBytes: 0,
    commitRounds: 0,
    syncs: 0,
    onSync: undefined,
    damagedRanges: 0,
  };
  readonly #logs = new Map<string, MemoryLog>();
  readonly #environment: Pick<Environment, 'timers'>;

  constructor(environment: Pick<Environment, 'timers'>) {
    this.#environment = environment;
  }

  async open(name: string, options: LogOptions): Promise<Log> {
    let log = this.#logs.get(name);
    if (log === undefined) {
      log = new MemoryLog(name, options, this.#environment.timers, this.metrics);
      this.#logs.set(name, log);
    } else {
      log.configure(options);
    }
    return log;
  }

  async list(): Promise<string[]> {
    return [...this.#logs.keys()].sort();
  }

  async delete(name: string): Promise<void> {
    this.#logs.get(name)?.stop(new Error(`log "${name}" was deleted`));
    this.#logs.delete(name);
  }

  async close(): Promise<void> {
    for (const log of this.#logs.values()) log.stop(new Error('the log engine was closed'));
    this.#logs.clear();
  }
}

class MemoryBlobs implements BlobStore {
  readonly #values = new Map<string, Buffer>();

  async get(key: string): Promise<Buffer | undefined> {
    return this.#values.get(key);
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    this.#values.set(key, Buffer.from(value));
  }

  async delete(key: string): Promise<void> {
    this.#values.delete(key);
  }

  async list(prefix: string): Promise<string[]> {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}
