import { describe, expect, it } from 'vitest';
import { MetaJournal } from '../../../core/meta/meta-journal.ts';
import { type DocumentLimits, openDocuments } from '../../../core/meta/open-documents.ts';
import { SimulatedClock } from '../../../lib/environment/simulated/simulated-clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { LogEngine } from '../../../log/log.ts';
import { createMemoryEngine } from '../../../log/memory/memory-engine.ts';
import { turns } from '../../../log/testing/contract.ts';
import type { Will } from '../codec/index.ts';
import type { WillMessage } from './will-document.ts';
import { Wills } from './wills.ts';

/** The client's session lasts so long. */
const SESSION_S = 300;

interface Kit {
  wills: Wills;
  clock: SimulatedClock;
  /** `client topic`, in order. */
  published: string[];
  messages: WillMessage[];
  /** Client ids that have a document. */
  documents(): string[];
  store: { position: number; commit(): void };
  failing: { error: Error | undefined };
  connect(options?: Partial<ConnectOptions>): Promise<void> | undefined;
  /** Another life, after a crash. */
  restart(): Promise<Kit>;
}

interface ConnectOptions {
  clientId: string;
  will: Will | undefined;
  sessionExpiryS: number;
  resumed: boolean;
}

/** A store whose commits the test makes. */
class TestStore {
  position = 0;
  #waiting: (() => void)[] = [];

  whenCommitted(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  commit(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

async function open(
  engine: LogEngine,
  clock: SimulatedClock,
  limits?: Partial<DocumentLimits>,
): Promise<Kit> {
  const meta = await MetaJournal.open({ engine, clock });
  const documents = openDocuments(meta, limits);
  const store = new TestStore();
  const published: string[] = [];
  const messages: WillMessage[] = [];
  const failing: Kit['failing'] = { error: undefined };
  const wills = new Wills({
    ...{ documents, store, clock, timers: clock, logger: silentLogger },
    publish: (message, clientId) => {
      if (failing.error !== undefined) throw failing.error;
      store.position += 1;
      published.push(`${clientId} ${message.topic}`);
      messages.push(message);
    },
  });
  return {
    ...{ wills, clock, published, messages, store, failing },
    documents: () => documents.list('mqtt/will/').map(([key]) => key.slice(10)),
    connect: (options = {}) =>
      wills.connect({
        ...{ clientId: 'c', will: will(), sessionExpiryS: SESSION_S, resumed: true },
        ...options,
      }),
    restart: async () => {
      wills.close();
      await meta.close();
      return open(engine, clock, limits);
    },
  };
}

function kit(limits?: Partial<DocumentLimits>): Promise<Kit> {
  const clock = new SimulatedClock();
  return open(createMemoryEngine({ timers: clock }), clock, limits);
}

interface WillOptions {
  topic?: string;
  delayS?: number;
  qos?: 0 | 1 | 2;
  payload?: Buffer;
}

function will({ topic = 't', delayS = 0, qos = 1, payload }: WillOptions = {}): Will {
  return {
    topic,
    payload: payload ?? Buffer.from([0, 1, 255]),
    qos,
    retain: false,
    properties: { willDelayS: delayS, messageExpiryS: 7 },
    forwarded: Buffer.from([3, 0, 1, 120]),
  };
}

describe('wills', () => {
  it('are published when the connection is lost, and forgotten when that is safe', async () => {
    const { wills, connect, published, documents, store } = await kit();
    await connect();
    expect(documents()).toEqual(['c']);
    wills.lost('c', SESSION_S);
    expect(published).toEqual(['c t']);
    await turns(2);
    expect(documents()).toEqual(['c']);
    store.commit();
    await turns(2);
    expect(documents()).toEqual([]);
    wills.lost('c', SESSION_S);
    expect(published).toEqual(['c t']);
    expect(wills.count).toBe(0);
  });

  it('are discarded when the client says goodbye', async () => {
    const { wills, connect, published, documents } = await kit();
    await connect();
    wills.disarm('c');
    wills.lost('c', SESSION_S);
    await turns(2);
    expect(published).toEqual([]);
    expect(documents()).toEqual([]);
  });

  it('wait for their delay', async () => {
    const { wills, connect, published, clock } = await kit();
    await connect({ will: will({ delayS: 60 }) });
    wills.lost('c', SESSION_S);
    clock.advance(59_000);
    expect(published).toEqual([]);
    clock.advance(1_001);
    expect(published).toEqual(['c t']);
  });

  it('do not outlast the session', async () => {
    const { wills, connect, published, clock } = await kit();
    await connect({ will: will({ delayS: 60 }) });
    wills.lost('c', 10);
    clock.advance(10_001);
    expect(published).toEqual(['c t']);
    await connect({ will: will({ delayS: 60 }) });
    wills.lost('c', 0);
    expect(published.length).toBe(2);
    await connect({ will: will({ delayS: 60 }) });
    wills.lost('c', SESSION_S);
    wills.sessionEnded('c');
    expect(published.length).toBe(3);
    clock.advance(100_000);
    expect(published.length).toBe(3);
  });

  it('are not published when the client comes back to its session in time', async () => {
    const { wills, connect, published, clock, documents } = await kit();
    await connect({ will: will({ delayS: 60 }) });
    wills.lost('c', SESSION_S);
    clock.advance(30_000);
    await connect({ will: undefined });
    clock.advance(100_000);
    expect(published).toEqual([]);
    expect(documents()).toEqual([]);
  });

  it('are published when it comes back and begins anew', async () => {
    const { wills, connect, published, store, clock } = await kit();
    await connect({ will: will({ delayS: 60 }) });
    wills.lost('c', SESSION_S);
    const again = connect({ will: will({ topic: 'u' }), resumed: false });
    expect(published).toEqual(['c t']);
    store.commit();
    await again;
    clock.advance(100_000);
    expect(published).toEqual(['c t']);
    wills.lost('c', SESSION_S);
    expect(published).toEqual(['c t', 'c u']);
  });

  it('are decided on when another connection takes over, as if the first one were lost', async () => {
    const { connect, published, store } = await kit();
    await connect({ will: will({ topic: 'kept', delayS: 1 }) });
    await connect({ will: will({ topic: 'sent' }) });
    expect(published).toEqual([]);
    const third = connect({ will: will({ topic: 'clean', delayS: 1 }) });
    expect(published).toEqual(['c sent']);
    store.commit();
    await third;
    void connect({ will: undefined, resumed: false });
    expect(published).toEqual(['c sent', 'c clean']);
  });

  it('keep the will of before until its message is safe', async () => {
    const first = await kit();
    await first.connect({ will: will({ topic: 'old' }) });
    void first.connect({ will: will({ topic: 'new' }) });
    expect(first.published).toEqual(['c old']);
    // Nothing is committed: the message is lost.
    const second = await first.restart();
    second.clock.advance(2);
    expect(second.published).toEqual(['c old']);
  });

  it('are published after a crash of the broker, byte for byte, unless the client comes back', async () => {
    const first = await kit();
    await first.connect({ clientId: 'stays/away', will: will({ delayS: 60 }) });
    await first.connect({ clientId: 'returns', will: will({ delayS: 60 }) });
    await first.connect({ clientId: 'at once' });
    await first.connect({ clientId: 'ended', will: will({ delayS: 60 }), sessionExpiryS: 0 });
    first.wills.lost('stays/away', SESSION_S);
    const { wills, connect, published, messages, clock, store, documents } = await first.restart();
    expect(wills.count).toBe(4);
    clock.advance(2);
    expect(published.sort()).toEqual(['at once t', 'ended t']);
    expect(messages[0]).toEqual({
      topic: 't',
      payload: Buffer.from([0, 1, 255]),
      qos: 1,
      retain: false,
      forwarded: Buffer.from([3, 0, 1, 120]),
      expiryS: 7,
    });
    await connect({ clientId: 'returns', will: undefined });
    clock.advance(60_000);
    expect(published.at(-1)).toBe('stays/away t');
    expect(published.length).toBe(3);
    store.commit();
    await turns(3);
    expect(documents()).toEqual([]);
  });

  it('are in memory only if nobody could learn of them later', async () => {
    const { wills, connect, published, documents } = await kit();
    expect(connect({ will: will({ qos: 0 }), sessionExpiryS: 0 })).toBeUndefined();
    await turns(2);
    expect(documents()).toEqual([]);
    wills.lost('c', 0);
    expect(published).toEqual(['c t']);
  });

  it('cost clients without one nothing', async () => {
    const { connect } = await kit();
    expect(connect({ will: undefined })).toBeUndefined();
  });

  it('are refused when no document may hold them, and then nothing is left', async () => {
    const { wills, connect, published, documents } = await kit({ documentBytesMax: 400 });
    await connect();
    const large = will({ delayS: 9, payload: Buffer.alloc(500) });
    wills.lost('c', SESSION_S);
    await expect(
      connect({ clientId: 'd', will: large, sessionExpiryS: SESSION_S }),
    ).rejects.toMatchObject({ code: 'limit-reached' });
    wills.lost('d', SESSION_S);
    expect(wills.count).toBe(0);
    expect(published).toEqual(['c t']);
    expect(documents()).toEqual(['c']);
  });

  it('are let go before they were stored', async () => {
    const { wills, connect, documents } = await kit();
    const armed = connect();
    wills.disarm('c');
    await armed;
    await turns(2);
    expect(documents()).toEqual([]);
  });

  it('that cannot be published are given up', async () => {
    const { wills, connect, failing, documents, store } = await kit();
    await connect();
    failing.error = new Error('full');
    wills.lost('c', SESSION_S);
    store.commit();
    await turns(2);
    store.commit();
    await turns(2);
    expect(documents()).toEqual([]);
  });

  it('are kept for the next start when the broker stops', async () => {
    const first = await kit();
    await first.connect();
    first.wills.close();
    first.wills.lost('c', SESSION_S);
    expect(first.published).toEqual([]);
    const second = await first.restart();
    second.clock.advance(2);
    expect(second.published).toEqual(['c t']);
  });
});
