/**
 * Requests to SQS and SNS through the AWS SDK, which the program has installed. One layer of retries, this one: what could not be sent, and what the
 * engine was too busy for, is tried again with growing, random waits until the caller's time is over. A request whose answer was lost is
 * sent again as well, as the SDK does it; SQS delivers at least once.
 *
 * The packages are named by variables and described by the few shapes below, so that no type of theirs gets into ours.
 */

import type { DriverContext } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import type { ClockTimer } from '../../lib/clock.ts';
import { sleep } from '../../lib/clock.ts';
import type { Endpoint } from './endpoint.ts';
import { failureKind, sqsError } from './errors.ts';
import { UnseenReceives } from './unseen-receives.ts';

const BACKOFF_MS = { first: 50, max: 5_000 } as const;
/** Long polls hold a connection each; with the SDK's 50 they could leave none for the rest. */
const SOCKETS_MAX = 1024;
/** How much of the slowest answer is remembered after each one that was faster. */
const SLOWEST_FADES = 0.9;

/** The part of `@aws-sdk/client-sqs` and `-sns` that is used. */
type AwsModule = Readonly<Record<string, new (input: unknown) => unknown>>;

interface AwsClient {
  send(command: unknown, options: { abortSignal: AbortSignal }): Promise<unknown>;
  destroy(): void;
}

interface Loaded {
  readonly module: AwsModule;
  readonly client: AwsClient;
}

export interface CallOptions {
  /** For errors: the queue or topic. */
  readonly target: string;
  /** Ends the call without an answer: it rejects with `closed`. */
  readonly signal?: AbortSignal | undefined;
  /** The engine takes so long before it answers (long polls). */
  readonly waitMs?: number | undefined;
}

export class Aws {
  readonly endpoint: Endpoint;
  readonly context: DriverContext;
  readonly unseen: UnseenReceives = new UnseenReceives();
  readonly #sqs: Loaded;
  #sns: Promise<Loaded> | undefined;
  #connected = true;
  #answerMs = 0;
  readonly #closed = new AbortController();

  private constructor(endpoint: Endpoint, context: DriverContext, sqs: Loaded) {
    this.endpoint = endpoint;
    this.context = context;
    this.#sqs = sqs;
  }

  static async load(endpoint: Endpoint, context: DriverContext): Promise<Aws> {
    const sqs = await load('@aws-sdk/client-sqs', 'SQSClient', endpoint.sqs, endpoint);
    return new Aws(endpoint, context, sqs);
  }

  /** `SendMessageBatch` with its input. Rejects with a `PolymqError`. */
  sqs<Output>(action: string, input: unknown, options: CallOptions): Promise<Output> {
    return this.#call(this.#sqs, action, input, options);
  }

  async sns<Output>(action: string, input: unknown, options: CallOptions): Promise<Output> {
    const { endpoint } = this;
    this.#sns ??= load('@aws-sdk/client-sns', 'SNSClient', endpoint.sns, endpoint);
    return this.#call(await this.#sns, action, input, options);
  }

  /** How long the slowest of the last requests took that did not have to wait for anything. */
  get answerMs(): number {
    return this.#answerMs;
  }

  close(): void {
    this.#closed.abort();
    this.#sqs.client.destroy();
    this.#sns?.then(
      ({ client }) => client.destroy(),
      () => {},
    );
  }

  async #call<Output>(
    loaded: Loaded,
    action: string,
    input: unknown,
    options: CallOptions,
  ): Promise<Output> {
    const { clock, timeoutMs } = this.context;
    const endMs = clock.nowMs() + timeoutMs;
    for (let backoffMs: number = BACKOFF_MS.first; ; backoffMs *= 2) {
      try {
        const answer = await this.#once(loaded, action, input, options);
        this.#back();
        return answer as Output;
      } catch (error) {
        const kind = failureKind(error);
        if (this.#isOver(options.signal)) throw closedError(action, options.target, error);
        const failure = sqsError(action, options.target, error);
        if (kind === 'connection') this.#lost(failure);
        else this.#back();
        const waitMs = Math.min(backoffMs, BACKOFF_MS.max) * (0.5 + Math.random() / 2);
        if (kind === 'final' || clock.nowMs() + waitMs >= endMs) throw failure;
        await sleep(clock, waitMs, options.signal ?? this.#closed.signal);
      }
    }
  }

  /** One request, given up after the time that every call has beside what the engine was asked to wait. */
  async #once(
    { client, module }: Loaded,
    action: string,
    input: unknown,
    { signal, waitMs = 0 }: CallOptions,
  ): Promise<unknown> {
    const Command = module[`${action}Command`]!;
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    const { clock, timeoutMs } = this.context;
    const startMs = clock.nowMs();
    const limitMs = timeoutMs + waitMs;
    let late = false;
    const timer: ClockTimer = clock.after(limitMs, () => {
      late = true;
      stop();
    });
    signal?.addEventListener('abort', stop, { once: true });
    if (this.#isOver(signal)) stop();
    try {
      const answer = await client.send(new Command(input), { abortSignal: abort.signal });
      if (waitMs === 0) this.#took(clock.nowMs() - startMs);
      return answer;
    } catch (error) {
      if (!late) throw error;
      throw new PolymqError('timeout', `${action}: no answer within ${limitMs} ms`, {
        cause: error,
      });
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', stop);
    }
  }

  #took(answerMs: number): void {
    this.#answerMs = Math.max(answerMs, this.#answerMs * SLOWEST_FADES);
  }

  #isOver(signal: AbortSignal | undefined): boolean {
    return signal?.aborted === true || this.#closed.signal.aborted;
  }

  #lost(error: PolymqError): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.context.onConnection('lost', error);
  }

  #back(): void {
    if (this.#connected) return;
    this.#connected = true;
    this.context.onConnection('back');
  }
}

function closedError(action: string, target: string, cause: unknown): PolymqError {
  return new PolymqError('closed', `${action} of ${target} was given up: the client was closed`, {
    cause,
  });
}

async function load(
  name: string,
  client: string,
  address: string,
  endpoint: Endpoint,
): Promise<Loaded> {
  const module = await importPackage(name);
  const Client = module[client]!;
  const config = {
    endpoint: address,
    region: endpoint.region,
    ...(endpoint.credentials === undefined ? {} : { credentials: endpoint.credentials }),
    maxAttempts: 1,
    // A queue's URL as an answer gives it may name a host that only the engine's own network knows.
    useQueueUrlAsEndpoint: false,
    requestHandler: {
      httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
    },
  };
  return { module, client: new Client(config) as AwsClient };
}

async function importPackage(name: string): Promise<AwsModule> {
  try {
    return (await import(name)) as AwsModule;
  } catch (error) {
    throw new PolymqError(
      'missing-package',
      `The driver for SQS and SNS needs the package ${name}: npm install ${name}`,
      { cause: error },
    );
  }
}
