/** Retained messages over the real store. */
import type { SimulatedClock } from '../../../lib/environment/simulated/simulated-clock.ts';
import type { LogEngine } from '../../../log/log.ts';
import { MessageDraft } from '../../message/message-draft.ts';
import {
  type MessageStoreOptions,
  type OpenMessageStore,
  openMessageStore,
} from '../../queue/store/open-message-store.ts';
import {
  JournaledRetained,
  RETAINED_ROWS_ID,
  type RetainedOptions,
} from '../journaled-retained.ts';

export interface RetainedKit {
  store: OpenMessageStore;
  retained: JournaledRetained;
  clock: SimulatedClock;
  close(): Promise<void>;
}

export interface RetainedKitOptions {
  store?: Partial<MessageStoreOptions>;
  retained?: Partial<RetainedOptions>;
}

export async function openRetained(
  engine: LogEngine,
  clock: SimulatedClock,
  options: RetainedKitOptions = {},
): Promise<RetainedKit> {
  const store = await openMessageStore({
    durability: 'fsync',
    knowsQueue: (id) => id === RETAINED_ROWS_ID,
    ...options.store,
    engine,
    environment: { clock, timers: clock },
  });
  const retained = new JournaledRetained({ store, clock, timers: clock, ...options.retained });
  store.restore((message) => retained.restore(message));
  return {
    store,
    retained,
    clock,
    close: async () => {
      retained.close();
      await store.close();
    },
  };
}

export interface RetainedDraft {
  ttlMs?: number;
  persistent?: boolean;
}

export function retainedDraft(
  key: string,
  body: string,
  { ttlMs = -1, persistent = true }: RetainedDraft = {},
): MessageDraft {
  const draft = new MessageDraft();
  draft.persistent = persistent;
  draft.ttlMs = ttlMs;
  draft.setNames('ex', key);
  draft.setContent(Buffer.from('props'), Buffer.from(body));
  return draft;
}

/** Key and body of all that match, in the order of keys. */
export async function retainedOf(
  retained: JournaledRetained,
  pattern = '#',
  namespace = '',
): Promise<[key: string, body: string][]> {
  const found: [string, string][] = [];
  await retained.visit(namespace, pattern, (view) => {
    found.push([view.routingKey, view.body.toString()]);
    return true;
  });
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}
