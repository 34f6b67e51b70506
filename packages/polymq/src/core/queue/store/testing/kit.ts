/** A store to test with: queues are only numbers, and each row is known by its queue and seq. */
import { SimulatedClock } from '../../../../lib/environment/simulated/simulated-clock.ts';
import type { LogEngine } from '../../../../log/log.ts';
import { createMemoryEngine } from '../../../../log/memory/memory-engine.ts';
import { MessageDraft } from '../../../message/message-draft.ts';
import { ROW_FLAG, ROW_STATE } from '../../rows.ts';
import {
  type MessageStoreOptions,
  type OpenMessageStore,
  openMessageStore,
} from '../open-message-store.ts';

export interface PutOptions {
  body?: string | Buffer;
  persistent?: boolean;
  ttlMs?: number;
  dueMs?: number;
  groupId?: string;
  priority?: number;
}

/** What a store has restored. */
export interface Restored {
  queue: number;
  seq: number;
  row: number;
  enqueuedMs: number;
  dueMs: number;
  groupId: string | undefined;
}

export class StoreKit {
  readonly store: OpenMessageStore;
  readonly clock: SimulatedClock;
  readonly restored: Restored[] = [];
  readonly #draft = new MessageDraft();

  constructor(store: OpenMessageStore, clock: SimulatedClock) {
    this.store = store;
    this.clock = clock;
    store.restore(({ row, enqueuedMs, dueMs, groupId }) => {
      const { queue, seq } = this.row(row);
      this.restored.push({ queue, seq, row, enqueuedMs, dueMs, groupId });
    });
  }

  /** Puts one message with a row for each `[queue, seq]`. */
  put(targets: readonly (readonly [number, number])[], options: PutOptions = {}): number[] {
    const { rows } = this.store;
    const persistent = options.persistent ?? true;
    const made = targets.map(([queue, seq]) => {
      const row = rows.allocate();
      const page = rows.page(row);
      const index = rows.index(row);
      page.queue[index] = queue;
      page.seq[index] = seq;
      page.state[index] = ROW_STATE.ready;
      page.priority[index] = options.priority ?? 0;
      // As queues do.
      if (options.ttlMs !== undefined && options.ttlMs >= 0) {
        page.expiresMs[index] = this.clock.nowMs() + options.ttlMs;
      }
      if (persistent) page.flags[index] = ROW_FLAG.persistent;
      return row;
    });
    const draft = this.#draft;
    draft.clear();
    draft.persistent = persistent;
    draft.publishedMs = this.clock.nowMs();
    draft.ttlMs = options.ttlMs ?? -1;
    draft.dueMs = options.dueMs ?? 0;
    draft.groupId = options.groupId;
    draft.setNames('ex', 'key');
    draft.setContent(Buffer.from('props'), Buffer.from(options.body ?? 'body'));
    this.store.put(draft, made, made.length);
    return made;
  }

  remove(row: number): void {
    this.store.remove(row);
    this.store.rows.free(row);
  }

  row(row: number): { queue: number; seq: number; flags: number; attempts: number } {
    const page = this.store.rows.page(row);
    const index = this.store.rows.index(row);
    return {
      queue: page.queue[index]!,
      seq: page.seq[index]!,
      flags: page.flags[index]!,
      attempts: page.attempts[index]!,
    };
  }

  /** The body if it is in memory. */
  body(row: number): string | undefined {
    return this.store.locate(row) ? this.store.view.body.toString() : undefined;
  }

  async loadBody(row: number): Promise<string | undefined> {
    await this.store.load(row);
    return this.body(row);
  }

  committed(): Promise<void> {
    return this.store.whenCommitted(this.store.position);
  }
}

export type KitOptions = Partial<Omit<MessageStoreOptions, 'engine' | 'environment'>>;

export async function openKit(
  engine: LogEngine,
  options: KitOptions = {},
  clock: SimulatedClock = new SimulatedClock(),
): Promise<StoreKit> {
  const store = await openMessageStore({
    durability: 'fsync',
    knowsQueue: () => true,
    ...options,
    engine,
    environment: { clock, timers: clock },
  });
  return new StoreKit(store, clock);
}

export function memoryEngine(): LogEngine {
  return createMemoryEngine({ timers: new SimulatedClock() });
}
