/**
 * A client over a driver. `connect` and `embed` call it; whoever writes a driver of his own may, too. Queues and topics are made once per
 * name; closing the client closes what consumes, waits for what is being sent, then closes the driver.
 */
import type { Capability } from '../driver/capabilities.ts';
import type { ClientContext, ClosedWithClient } from '../driver/client-context.ts';
import type { Driver } from '../driver/driver.ts';
import { requireCapability } from '../driver/require-capability.ts';
import { PolymqError } from '../errors.ts';
import { type Clock, sleep, systemClock } from '../lib/clock.ts';
import { warn } from '../lib/describe.ts';
import { type Duration, durationMs } from '../lib/duration.ts';
import type { Interceptor } from '../message/interceptor.ts';
import { sameOptions } from '../message/same-options.ts';
import { OpenQueue } from '../queue/open-queue.ts';
import type { CloseOptions, Queue, QueueOptions } from '../queue/queue.ts';
import { planQueue } from '../queue/queue-plan.ts';
import { OpenTopic } from '../topic/open-topic.ts';
import type { Topic, TopicOptions } from '../topic/topic.ts';
import { planTopic } from '../topic/topic-plan.ts';
import type { Client } from './client.ts';
import { rememberContext } from './context-of.ts';

const TIMEOUT_MS = 30_000;
const DRAIN_MS = 10_000;

export interface ClientOptions {
  /** For all queues and topics; `client.use` adds to them. */
  readonly interceptors?: readonly Interceptor[];
  /** How long a send waits for room in a full queue. Missing: 30 s. */
  readonly timeout?: Duration;
  /** Told of what no call and no `onError` of a consumer is told, lost connections among that. Missing: a warning of the process. */
  readonly onError?: (error: unknown) => void;
  /** 0 to 1, for the jitter of retries. Missing: `Math.random`. */
  readonly random?: () => number;
}

type ConnectionListener = (state: 'lost' | 'back', error?: Error) => void;

/** What made the driver tells the client of its connection by `connection`. */
export interface CreatedClient extends Client {
  connectionChanged(state: 'lost' | 'back', error?: Error): void;
}

export function createClient(driver: Driver, options: ClientOptions = {}): CreatedClient {
  return new DriverClient(driver, options);
}

interface Named<V> {
  readonly value: V;
  /** Undefined: it was only called by its name so far. */
  options: object | undefined;
}

class DriverClient implements CreatedClient {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly #options: ClientOptions;
  readonly #timeoutMs: number;
  readonly #interceptors: Interceptor[];
  readonly #queues = new Map<string, Named<OpenQueue>>();
  readonly #topics = new Map<string, Named<OpenTopic>>();
  readonly #parts = new Set<ClosedWithClient>();
  readonly #listeners = new Set<ConnectionListener>();
  #openCalls = 0;
  #whenIdle: (() => void) | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;

  constructor(driver: Driver, options: ClientOptions) {
    this.driver = driver;
    this.clock = driver.clock ?? systemClock;
    this.#options = options;
    this.#timeoutMs =
      options.timeout === undefined ? TIMEOUT_MS : durationMs(options.timeout, 'timeout');
    this.#interceptors = [...(options.interceptors ?? [])];
    rememberContext(this, () => this.#context());
  }

  get engine(): string {
    return this.driver.engine;
  }

  queue<T = unknown>(name: string, options: QueueOptions<T> = {}): Queue<T> {
    const plan = () => planQueue(this.#context(), name, options as QueueOptions);
    const known = this.#queues.get(name);
    if (known !== undefined) useAgain('queue', name, known, options, plan);
    const queue = known ?? { value: new OpenQueue(plan()), options: saidIn(options) };
    if (known === undefined) this.#queues.set(name, queue);
    return queue.value as unknown as Queue<T>;
  }

  topic<T = unknown>(name: string, options: TopicOptions<T> = {}): Topic<T> {
    const plan = () => planTopic(this.#context(), name, options as TopicOptions);
    const known = this.#topics.get(name);
    if (known !== undefined) useAgain('topic', name, known, options, plan);
    const topic = known ?? { value: new OpenTopic(plan()), options: saidIn(options) };
    if (known === undefined) this.#topics.set(name, topic);
    return topic.value as unknown as Topic<T>;
  }

  use(interceptor: Interceptor): void {
    this.#interceptors.push(interceptor);
  }

  require(capability: Capability): void {
    requireCapability(this.driver, capability);
  }

  onConnection(listener: ConnectionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  connectionChanged(state: 'lost' | 'back', error?: Error): void {
    if (state === 'lost') this.#tellLost(error ?? lostError(this.driver));
    for (const listener of [...this.#listeners]) {
      try {
        listener(state, error);
      } catch (thrown) {
        this.#report(thrown);
      }
    }
  }

  /** Each consumer by its own `onError`, and those that have none by one report of the client. */
  #tellLost(error: Error): void {
    if (this.#closing !== undefined) return;
    let isUntold = false;
    for (const part of [...this.#parts]) {
      if (part.connectionLost?.(error) === false) isUntold = true;
    }
    if (isUntold) this.#report(error);
  }

  close(options: CloseOptions = {}): Promise<void> {
    const { drain } = options;
    this.#closing ??= this.#close(drain === undefined ? DRAIN_MS : durationMs(drain, 'drain'));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(drain: number): Promise<void> {
    await Promise.allSettled(Array.from(this.#parts, (part) => part.close({ drain })));
    if (this.#openCalls > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
      await Promise.race([idle, sleep(this.clock, drain)]);
    }
    await this.driver.close();
  }

  /** Whoever reports is in the middle of something, so this never throws. */
  readonly #report = (error: unknown): void => {
    try {
      (this.#options.onError ?? warn)(error);
    } catch (another) {
      warn(another);
    }
  };

  #context(): ClientContext {
    const { driver, clock } = this;
    return {
      driver,
      clock,
      timeoutMs: this.#timeoutMs,
      random: this.#options.random ?? Math.random,
      interceptors: [...this.#interceptors],
      onError: this.#report,
      openCalls: {
        begin: () => {
          this.#openCalls += 1;
        },
        end: () => {
          this.#openCalls -= 1;
          if (this.#openCalls === 0) this.#whenIdle?.();
        },
      },
      queueMade: (queue) => {
        const known = this.#queues.get(queue);
        return known?.options === undefined ? undefined : known.value.plan;
      },
      checkOpen: () => {
        if (this.#closing !== undefined) throw closedError(driver);
      },
      closeWithClient: (part) => {
        this.#parts.add(part);
        return () => this.#parts.delete(part);
      },
    };
  }
}

function lostError(driver: Driver): PolymqError {
  return new PolymqError(
    'disconnected',
    `the connection to ${driver.engine} was lost; it is made again by itself`,
  );
}

function closedError(driver: Driver): PolymqError {
  return new PolymqError(
    'closed',
    `this client of ${driver.engine} has been closed; make a new one with connect or embed`,
  );
}

/** Undefined: nothing. */
function saidIn(options: object): object | undefined {
  return Object.values(options).some((value) => value !== undefined) ? options : undefined;
}

/**
 * The name alone means the thing as it was made before, or as it will be: the first options that are said hold, unless it was
 * declared or consumed in another way already.
 */
function useAgain<P>(
  kind: string,
  name: string,
  known: Named<{ adopt(plan: P): boolean }>,
  options: object,
  plan: () => P,
): void {
  const said = saidIn(options);
  if (said === undefined || (known.options !== undefined && sameOptions(known.options, said)))
    return;
  const isFixed = known.options !== undefined;
  if (!isFixed && known.value.adopt(plan())) {
    known.options = said;
    return;
  }
  const how = isFixed
    ? 'made with other options'
    : 'used by its name alone, so without these options,';
  throw new PolymqError(
    'declared-otherwise',
    `${kind} "${name}" was ${how} by this client; make it once, before it is used, and write ${kind}("${name}") without options elsewhere`,
  );
}
