/**
 * Two connections, one to publish and one to subscribe (a connection that subscribes can do nothing else in RESP2).
 * node-redis makes them again when they are lost, and subscribes again. Calls made meanwhile wait for the connection.
 */
import type { DriverContext } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { within } from '../../lib/within.ts';
import { asPolymqError, isRefusal } from './errors.ts';
import type { NodeRedis } from './library.ts';

export type RedisOptions = Readonly<Record<string, unknown>>;

const RECONNECT_MS = { first: 20, longest: 1_000 } as const;

export class RedisConnection {
  readonly context: DriverContext;
  readonly #publisher: NodeRedis;
  readonly #subscriber: NodeRedis;
  readonly #ready = new Set<() => void>();
  #opened = false;
  #closed = false;
  #lost = false;
  #failure: Error | undefined;

  constructor(
    createClient: (options: object) => NodeRedis,
    url: URL,
    options: RedisOptions,
    context: DriverContext,
  ) {
    this.context = context;
    const startMs = context.clock.nowMs();
    const reconnectStrategy = (retries: number, cause: Error): number | Error => {
      const late = context.clock.nowMs() - startMs > context.timeoutMs;
      if (isRefusal(cause) || this.#closed || (!this.#opened && late)) return cause;
      return Math.min(RECONNECT_MS.first * 2 ** Math.min(retries, 10), RECONNECT_MS.longest);
    };
    const socket = { connectTimeout: context.timeoutMs, ...(options['socket'] as object) };
    this.#publisher = createClient({
      url: url.href,
      name: context.clientName.replaceAll(/\s+/g, '-'),
      ...options,
      socket: { ...socket, reconnectStrategy },
    });
    this.#subscriber = this.#publisher.duplicate();
    for (const client of [this.#publisher, this.#subscriber]) {
      client.on('error', (error) => this.#onError(error));
      client.on('ready', () => this.#onReady());
    }
  }

  async open(): Promise<void> {
    const { clock, timeoutMs } = this.context;
    const connecting = Promise.all([this.#publisher.connect(), this.#subscriber.connect()]);
    const late = (): Error =>
      new PolymqError('timeout', 'connect to Redis failed: no answer in time');
    try {
      await within(connecting, timeoutMs, clock, late);
    } catch (error) {
      connecting.catch(() => {});
      await this.close();
      throw asPolymqError(this.#failure ?? error, 'connect to Redis');
    }
    this.#opened = true;
  }

  /** How many subscribers got it. */
  publish(channel: string, message: Buffer): Promise<number> {
    return this.#call(`publish to "${channel}"`, () => this.#publisher.publish(channel, message));
  }

  /** Resolves when nothing published from now on is missed. */
  async subscribe(
    channel: string,
    listener: (message: Buffer) => void,
  ): Promise<() => Promise<void>> {
    await this.#call(`subscribe to "${channel}"`, () =>
      this.#subscriber.subscribe(channel, listener, true),
    );
    return async () => {
      if (!this.#closed)
        await this.#subscriber.unsubscribe(channel, listener, true).catch(() => {});
    };
  }

  /** Names of channels that match and have subscribers. */
  channels(pattern: string): Promise<string[]> {
    return this.#call('list channels', () => this.#publisher.pubSubChannels(pattern));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    for (const client of [this.#publisher, this.#subscriber]) {
      try {
        if (client.destroy === undefined) await client.disconnect();
        else client.destroy();
      } catch {
        // It was not connected.
      }
    }
  }

  async #call<T>(what: string, operation: () => Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.context;
    const late = (): Error => new PolymqError('timeout', `${what} failed: no answer in time`);
    try {
      if (!this.#isReady) await within(this.#untilReady(), timeoutMs, clock, late);
      if (this.#closed) throw new PolymqError('closed', `${what} failed: the client is closed`);
      return await operation();
    } catch (error) {
      throw asPolymqError(error, what);
    }
  }

  get #isReady(): boolean {
    return this.#publisher.isReady && this.#subscriber.isReady;
  }

  #untilReady(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) resolve();
      else this.#ready.add(resolve);
    });
  }

  #onError(error: Error): void {
    this.#failure = error;
    if (!this.#opened || this.#closed || this.#lost) return;
    this.#lost = true;
    this.context.onConnection('lost', asPolymqError(error, 'the connection to Redis'));
  }

  #onReady(): void {
    if (!this.#isReady) return;
    this.#wake();
    if (!this.#lost) return;
    this.#lost = false;
    this.context.onConnection('back');
  }

  #wake(): void {
    const waiting = [...this.#ready];
    this.#ready.clear();
    for (const wake of waiting) wake();
  }
}
