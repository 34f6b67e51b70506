/**
 * The one connection of a client, made again whenever it is lost.
 *
 *              lost, refused                 opened
 *   connecting ─────────────► waiting ─┐   ┌────────► restoring ─────► up ─── lost ──► waiting
 *        ▲                             │   │   everything declared and
 *        └─────────────────────────────┴───┘   subscribed once more
 *
 * Who needs the connection waits for `ready`, at most for the time that a call may take. Parts that live on the connection
 * (declarations, publisher, subscriptions) are restored in the order in which they were added.
 */
import type { DriverContext } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import { type Deferred, deferred } from '../../lib/deferred.ts';
import { warn } from '../../lib/describe.ts';
import { durationMs } from '../../lib/duration.ts';
import { within } from '../../lib/within.ts';
import { amqpError, disconnected, wordsOf } from './errors.ts';
import { gatherWrites } from './gathered-writes.ts';
import type { AmqpChannel, AmqpConnection, AmqpLibrary } from './library.ts';
import type { AmqpOptions } from './options.ts';

export interface LinkPart {
  /** The connection has gone: what was open on it is lost. */
  lost?(error: PolymqError): void;
  /** There is a new connection. What it throws makes the link try again, if that may help. */
  restore?(connection: AmqpConnection): Promise<void>;
}

const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 5_000;

export class Link {
  readonly context: DriverContext;
  readonly #library: AmqpLibrary;
  readonly #url: URL;
  readonly #options: AmqpOptions;
  readonly #parts = new Set<LinkPart>();
  #connection: AmqpConnection | undefined = undefined;
  #up: Deferred<AmqpConnection> = silent();
  #closed = new AbortController();
  #lastError: PolymqError | undefined = undefined;
  #isPolymq = false;

  constructor(library: AmqpLibrary, url: URL, options: AmqpOptions, context: DriverContext) {
    this.#library = library;
    this.#url = url;
    this.#options = options;
    this.context = context;
  }

  /** Whether the other side is a PolyMQ. Known once it has been open. */
  get isPolymq(): boolean {
    return this.#isPolymq;
  }

  get closed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** The first connection; rejects if there is none within the time. */
  async open(): Promise<void> {
    void this.#run();
    await this.ready('connecting');
  }

  add(part: LinkPart): void {
    this.#parts.add(part);
  }

  remove(part: LinkPart): void {
    this.#parts.delete(part);
  }

  /** The connection that works, when it does. Rejects with what hinders it when it takes too long. */
  ready(what: string): Promise<AmqpConnection> {
    if (this.closed) return Promise.reject(closedError(what));
    const { timeoutMs, clock } = this.context;
    return within(this.#up.promise, timeoutMs, clock, () => this.#unreachable(what, timeoutMs));
  }

  /** Why there is no connection now, if there is none. */
  get unreachable(): ((what: string, sinceMs: number) => PolymqError) | undefined {
    if (this.#connection !== undefined) return undefined;
    return (what, sinceMs) => this.#unreachable(what, sinceMs);
  }

  async channel(what: string): Promise<AmqpChannel> {
    const connection = await this.ready(what);
    return openChannel(connection, what);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.#closed.abort();
    this.#up.reject(closedError('this call'));
    const connection = this.#connection;
    this.#connection = undefined;
    // A server that does not answer must not keep the program alive.
    if (connection !== undefined) {
      const { timeoutMs, clock } = this.context;
      const late = (): Error => new Error('no answer');
      const closed = closeChannels(connection).then(() => connection.close());
      await within(closed, timeoutMs, clock, late).catch(() => undefined);
    }
  }

  async #run(): Promise<void> {
    let waitMs = RECONNECT_FIRST_MS;
    const maxMs = durationMs(this.#options.reconnectMax ?? RECONNECT_MAX_MS, 'reconnectMax');
    let first = true;
    while (!this.closed) {
      try {
        const { lost } = await this.#connect();
        if (!first) this.#tell('back');
        first = false;
        waitMs = RECONNECT_FIRST_MS;
        const error = await lost;
        if (this.closed) return;
        this.#forget(error);
      } catch (error) {
        this.#lastError = amqpError(error, `connecting to ${this.#place()}`);
        // At the beginning, wrong credentials are told at once; later they may be a server that is starting.
        if (first && this.#lastError.code === 'access-refused') this.#up.reject(this.#lastError);
      }
      await sleep(this.context.clock, waitMs, this.#closed.signal);
      waitMs = Math.min(waitMs * 2, maxMs);
    }
  }

  /** Resolves when everything is restored, with the promise of its end. */
  async #connect(): Promise<{ readonly lost: Promise<PolymqError> }> {
    const connection = await this.#library.connect(this.#urlText(), this.#socketOptions());
    const lost = deferred<PolymqError>();
    let cause: unknown = new Error('the server closed it');
    connection.on('error', (error: Error) => {
      cause = error;
    });
    connection.on('close', (error?: Error) => {
      lost.resolve(disconnected('the connection', error ?? cause));
    });
    if (this.closed) {
      await connection.close().catch(() => undefined);
      return { lost: lost.promise };
    }
    this.#look(connection);
    gatherWrites(connection.connection.stream);
    this.#connection = connection;
    try {
      for (const part of [...this.#parts]) await part.restore?.(connection);
    } catch (error) {
      this.#connection = undefined;
      // Those that had been restored already work on a connection that goes away again.
      this.#tellLost(amqpError(error, 'the connection'));
      await connection.close().catch(() => undefined);
      throw error;
    }
    this.#lastError = undefined;
    this.#up.resolve(connection);
    return { lost: lost.promise };
  }

  #look(connection: AmqpConnection): void {
    const { platform } = connection.connection.serverProperties;
    this.#isPolymq = String(platform).startsWith('PolyMQ');
  }

  #forget(error: PolymqError): void {
    this.#connection = undefined;
    this.#lastError = error;
    this.#up = silent();
    this.#tellLost(error);
    this.#tell('lost', error);
  }

  /** What goes wrong in those who are told is not the connection's. */
  #tell(state: 'lost' | 'back', error?: PolymqError): void {
    try {
      this.context.onConnection(state, error);
    } catch (thrown) {
      warn(thrown);
    }
  }

  #tellLost(error: PolymqError): void {
    for (const part of [...this.#parts]) part.lost?.(error);
  }

  #unreachable(what: string, sinceMs: number): PolymqError {
    const error = this.#lastError;
    if (error !== undefined && error.code !== 'disconnected') return error;
    const why = error === undefined ? 'no answer' : wordsOf(error.cause ?? error);
    return new PolymqError(
      'disconnected',
      `${what}: ${this.#place()} cannot be reached since ${sinceMs} ms (${why}); check the address and whether the broker runs`,
      { cause: error },
    );
  }

  #place(): string {
    return `${this.#url.protocol}//${this.#url.host}`;
  }

  #urlText(): string {
    const url = new URL(this.#url);
    if (this.#options.heartbeat !== undefined) {
      url.searchParams.set('heartbeat', String(this.#options.heartbeat));
    }
    return url.href;
  }

  #socketOptions(): Readonly<Record<string, unknown>> {
    return {
      ...this.#options.tls,
      noDelay: true,
      timeout: this.context.timeoutMs,
      clientProperties: { connection_name: this.context.clientName },
    };
  }
}

const channels = new WeakMap<AmqpConnection, Set<AmqpChannel>>();

/** amqplib lets the end of a connection overtake what its channels still have to say, such as acknowledgements. */
async function closeChannels(connection: AmqpConnection): Promise<void> {
  const open = [...(channels.get(connection) ?? [])];
  await Promise.allSettled(open.map(async (channel) => channel.close()));
}

function track(connection: AmqpConnection, channel: AmqpChannel): void {
  const open = channels.get(connection) ?? new Set<AmqpChannel>();
  channels.set(connection, open);
  open.add(channel);
  channel.on('close', () => open.delete(channel));
}

/** With listeners from the first moment: an error event that nobody hears ends the process. */
export async function openChannel(
  connection: AmqpConnection,
  what: string,
  confirms = false,
): Promise<AmqpChannel> {
  try {
    const channel = await (confirms
      ? connection.createConfirmChannel()
      : connection.createChannel());
    channel.on('error', () => undefined);
    track(connection, channel);
    return channel;
  } catch (error) {
    throw amqpError(error, what);
  }
}

export function closedError(what: string): PolymqError {
  return new PolymqError('closed', `${what} came after the client was closed; make a new client`);
}

/** Its rejection is no error if nobody waits. */
function silent(): Deferred<AmqpConnection> {
  const promise = deferred<AmqpConnection>();
  promise.promise.catch(() => undefined);
  return promise;
}
