/**
 * Calls to the brokers of a cluster through one set of connections, each retried while its failure is one that passes.
 *
 * It stands on `Base` of @platformatic/kafka, which has the connections, the versions that both sides speak and the metadata.
 * Kafka answers the requests of a connection one after the other, so whoever polls (`reader.ts`) or waits for others
 * (`membership.ts`) has a wire of its own.
 *
 * A request that timed out leaves the library's connection unable to read any further answer, so it is closed here.
 */
import type { Base, ClusterMetadata, Connection } from '@platformatic/kafka';
import { PolymqError } from '../../errors.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { asPolymqError, isPassing } from './errors.ts';
import type { Library } from './library.ts';

export interface WireOptions {
  readonly library: Library;
  readonly clock: Clock;
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** How long one call may take, retries included. */
  readonly timeoutMs: number;
  /** How long one request may take; missing: `timeoutMs`. */
  readonly requestTimeoutMs?: number | undefined;
  readonly tls?: object | undefined;
  readonly sasl?: object | undefined;
  /** Told of every connection that closes by itself. */
  readonly onLost?: (() => void) | undefined;
}

const RETRY_MS = { first: 20, longest: 500 } as const;
/** After so long it is asked again how many partitions a topic has, and who leads them. */
const METADATA_MS_MAX = 5_000;

type Api = ((connection: Connection, ...args: unknown[]) => void) & { version: number };
type Callback<T> = (error: Error | null, result?: T) => void;

export class Wire {
  readonly options: WireOptions;
  readonly #base: Base;
  readonly #closing = new AbortController();

  constructor(options: WireOptions) {
    this.options = options;
    const { library, brokers, clientId, timeoutMs, tls, sasl } = options;
    const requestTimeout = options.requestTimeoutMs ?? timeoutMs;
    this.#base = new library.Base({
      clientId,
      bootstrapBrokers: [...brokers],
      retries: 0,
      timeout: timeoutMs,
      connectTimeout: Math.max(1, Math.min(5_000, timeoutMs)),
      metadataMaxAge: METADATA_MS_MAX,
      ...({ requestTimeout, maxInflights: 1_000 } as object),
      ...(tls === undefined ? {} : { tls }),
      ...(sasl === undefined ? {} : { sasl }),
    } as ConstructorParameters<typeof Base>[0]);
    // The library tells before it has forgotten the connection; who asked for one now would wait for ever.
    this.#base.on('client:broker:disconnect', () =>
      queueMicrotask(() => {
        if (!this.closed) options.onLost?.();
      }),
    );
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Aborted when the wire closes. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Another wire to the same cluster. */
  another(changes: Partial<WireOptions> = {}): Wire {
    return new Wire({ ...this.options, ...changes });
  }

  /** One request, not retried. `node` undefined: any broker. */
  async call<R>(api: string, node: number | undefined, args: readonly unknown[]): Promise<R> {
    const connection = await this.#connection(node);
    const { [this.options.library.kGetApi]: getApi } = this.#base;
    const found = await promised<Api>((done) =>
      getApi.call(this.#base, api, done as unknown as Parameters<typeof getApi>[1]),
    );
    try {
      return await promised<R>((done) => found(connection, ...args, done));
    } catch (error) {
      if ((error as { code?: unknown }).code === 'PLT_KFK_TIMEOUT') await connection.close();
      throw error;
    }
  }

  /** The highest version of an API that both sides speak. */
  async versionOf(api: string): Promise<number> {
    const { [this.options.library.kGetApi]: getApi } = this.#base;
    const found = await promised<Api>((done) =>
      getApi.call(this.#base, api, done as unknown as Parameters<typeof getApi>[1]),
    );
    return found.version;
  }

  /** Leaders and partitions of the topics. `fresh`: asked for now. */
  metadata(topics: readonly string[], fresh = false): Promise<ClusterMetadata> {
    const copy = [...topics];
    return this.#base.metadata(fresh ? { topics: copy, forceUpdate: true } : { topics: copy });
  }

  /**
   * Runs `operation` until it succeeds, fails for good, or time is up. `what` names it in the error. Rejects with
   * `PolymqError` only.
   */
  async retry<R>(
    what: string,
    operation: () => Promise<R>,
    options: { readonly passes?: (error: unknown) => boolean; readonly timeoutMs?: number } = {},
  ): Promise<R> {
    const { clock } = this.options;
    const endMs = clock.nowMs() + (options.timeoutMs ?? this.options.timeoutMs);
    for (
      let delayMs: number = RETRY_MS.first;
      ;
      delayMs = Math.min(2 * delayMs, RETRY_MS.longest)
    ) {
      if (this.closed) throw new PolymqError('closed', `${what} failed: the client is closed`);
      try {
        return await operation();
      } catch (error) {
        if (this.closed) throw new PolymqError('closed', `${what} failed: the client is closed`);
        const again = isPassing(error) || options.passes?.(error) === true;
        if (!again || clock.nowMs() + delayMs > endMs) throw asPolymqError(error, what);
      }
      await sleep(clock, delayMs, this.signal);
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.#closing.abort();
    await this.#base.close();
  }

  async #connection(node: number | undefined): Promise<Connection> {
    const { library } = this.options;
    const base = this.#base;
    if (node === undefined) {
      return promised((done) =>
        base[library.kGetBootstrapConnection](done as Callback<Connection>),
      );
    }
    const broker =
      base.currentMetadata?.brokers.get(node) ?? (await this.metadata([], true)).brokers.get(node);
    if (broker === undefined) {
      throw new library.NetworkError(`Broker ${node} is not in the cluster.`);
    }
    return promised((done) => base[library.kGetConnection](broker, done as Callback<Connection>));
  }
}

function promised<T>(start: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result as T)));
  });
}
