/**
 * Requests and replies over any engine that can carry them.
 *
 *   const prices = service<Prices>(mq, 'prices')
 *   prices.handle('of', async ({ product }) => ({ cents: await look(product) }))     // on one side
 *   const { cents } = await prices.request('of', { product: 'tea' }, { timeout: '2s' })   // on the other
 *
 * A request goes to one of those who serve the name, and carries the address of this client's inbox, a correlation id, and the deadline after
 * which nobody waits any more: handlers are not begun beyond it. A reply that comes later is dropped and counted.
 */
import type { Client } from '../../client/client.ts';
import { contextOf } from '../../client/context-of.ts';
import { requireCapability } from '../../driver/require-capability.ts';
import { PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import { checkedConcurrency } from '../../lib/concurrency.ts';
import { durationMs } from '../../lib/duration.ts';
import type { MessageContract } from '../../message/contract.ts';
import type { Place } from '../../message/interceptor.ts';
import type { CloseOptions } from '../../queue/queue.ts';
import { Caller } from './caller.ts';
import { Responder } from './responder.ts';
import type {
  AnyService,
  RequestOptions,
  Service,
  ServiceHandler,
  ServiceOptions,
  ServiceShape,
} from './types.ts';
import { type Codec, codecOf } from './wire.ts';

const TIMEOUT_MS = 30_000;
const CONCURRENCY = 16;
const DRAIN_MS = 10_000;

/** The service of that name, to ask it or to answer for it. Throws `UnsupportedError` if the engine has no requests. */
export function service<S extends ServiceShape<S> = AnyService>(
  mq: Client,
  name: string,
  options: ServiceOptions<S> = {},
): Service<S> {
  requireCapability(mq.driver, 'request-reply');
  return new OpenService(mq, name, options as ServiceOptions) as unknown as Service<S>;
}

class OpenService implements Service {
  readonly name: string;
  readonly #mq: Client;
  readonly #caller: Caller;
  readonly #responder: Responder;
  readonly #forget: () => void;
  #closing: Promise<void> | undefined;

  constructor(mq: Client, name: string, options: ServiceOptions) {
    const context = contextOf(mq);
    context.checkOpen();
    const { engine, system } = mq.driver;
    const place: Place = { kind: 'service', name, engine, system };
    const { contracts = {}, timeout } = options;
    const label = `service "${name}"`;
    const codecs = (direction: 'request' | 'reply') =>
      codecsOf((contract) => codecOf(context, place, contract), contracts, direction);
    const [requestCodec, replyCodec] = [codecs('request'), codecs('reply')];
    const common = { context, place, requestCodec, replyCodec };
    this.name = name;
    this.#mq = mq;
    this.#caller = new Caller({
      ...common,
      timeoutMs: timeout === undefined ? TIMEOUT_MS : durationMs(timeout, `timeout of ${label}`),
    });
    this.#responder = new Responder({
      ...common,
      concurrency: checkedConcurrency(options.concurrency ?? CONCURRENCY, label),
      onError: options.onError ?? context.onError,
    });
    this.#forget = context.closeWithClient(this);
  }

  get lateReplies(): number {
    return this.#caller.lateReplies;
  }

  get expiredRequests(): number {
    return this.#responder.expiredRequests;
  }

  get running(): number {
    return this.#responder.running;
  }

  handle(operation: string, handler: ServiceHandler<unknown, unknown>): this {
    contextOf(this.#mq).checkOpen();
    this.#responder.handle(operation, handler);
    return this;
  }

  ready(): Promise<void> {
    return this.#responder.ready();
  }

  request(operation: string, data: unknown, options: RequestOptions = {}): Promise<unknown> {
    return this.#closing === undefined
      ? this.#caller.request(operation, data, options)
      : Promise.reject(new PolymqError('closed', `service "${this.name}" has been closed`));
  }

  close({ drain }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(drain === undefined ? DRAIN_MS : durationMs(drain, 'drain'));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(drainMs: number): Promise<void> {
    this.#forget();
    const late = new AbortController();
    const patience = sleep(this.#mq.clock, drainMs, late.signal);
    await Promise.race([this.#responder.stop(), patience]);
    await Promise.race([Promise.all([this.#responder.idle(), this.#caller.idle()]), patience]);
    late.abort();
    this.#responder.abort();
    this.#caller.close();
  }
}

/** One codec per operation that has a contract, and one for all others. */
function codecsOf(
  make: (contract: MessageContract | undefined) => Codec,
  contracts: NonNullable<ServiceOptions['contracts']>,
  direction: 'request' | 'reply',
): (operation: string) => Codec {
  const plain = make(undefined);
  const byOperation = new Map<string, Codec>();
  for (const [operation, contract] of Object.entries(contracts)) {
    const mine = contract?.[direction];
    if (mine !== undefined) byOperation.set(operation, make(mine));
  }
  return (operation) => byOperation.get(operation) ?? plain;
}
