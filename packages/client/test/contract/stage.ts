/**
 * What the tests of the driver contract stand on: one engine that is started once per file, a client that they share, further
 * clients that are closed after each test, names nobody has used, and waiting without measuring.
 *
 * Tests are made when the file is collected, and only those that the engine's capabilities promise: a capability that is
 * there is tested, one that is not must be refused (`refusals.ts`). So the engine is started while the file is collected.
 */
import {
  type Capability,
  type Client,
  type ConsumeOptions,
  type Consumer,
  type Message,
  PolymqError,
  type Queue,
  type QueueOptions,
  type Topic,
  type TopicOptions,
} from '@polymq/client';

/** An engine that runs. */
export interface ContractEngine {
  /** A client of its own. */
  connect(): Promise<Client>;
  /** Stops it in an orderly way and starts it again with what it stored, at the same address. */
  restart?(): Promise<void>;
  /** Ends it without warning, and starts it again with what it stored, at the same address. */
  kill?(): Promise<void>;
  /** Resolves when everything that was started has ended. */
  stop(): Promise<void>;
  /** A message that is sent by a program without this SDK, by the engine's own client library. */
  sendForeign?(queue: string, message: ForeignMessage): Promise<void>;
  /** The next message of a queue or topic as such a program sees it, and takes it away. */
  receiveForeign?(queue: string): Promise<ForeignMessage>;
}

export interface ForeignMessage {
  body: Uint8Array;
  headers: Readonly<Record<string, string>>;
  contentType?: string | undefined;
}

export interface DriverContract {
  /** As it stands in the names of the tests. */
  name: string;
  /** Why the engine cannot be had here, and how to run it. */
  missing?: string | undefined;
  start(): Promise<ContractEngine>;
  /** `false`: a client ends with the engine, so that a restart needs a new one (the embedded broker). */
  clientsOutliveEngine?: boolean;
  /** The shortest lease that the engine can give. Missing: 1 s. */
  leaseMsMin?: number;
  /** The finest step of its delays and expiries. Missing: 100 ms. */
  delayMsStep?: number;
  /** Bytes of the body of a message that the engine must take. Missing: 1 MiB. */
  bodyBytes?: number;
  /** How long anything may take before a test gives up. Missing: 30 s. */
  patienceMs?: number;
  /** `false`: the engine cannot tell whether anybody serves a request. */
  tellsNoResponder?: boolean;
  /** True: each consumer has a part of the queue to itself, and what waits there waits for that consumer (partitions of Kafka). */
  consumersOwnParts?: boolean;
}

/** How long anything may take before a test gives up. */
let patienceMs = 30_000;

let names = 0;

export class Stage {
  readonly contract: DriverContract;
  readonly engine: ContractEngine;
  #client: Client;
  #opened: Client[] = [];
  #restartMsMax = 0;

  constructor(contract: DriverContract, engine: ContractEngine, client: Client) {
    this.contract = contract;
    this.engine = engine;
    this.#client = client;
    patienceMs = contract.patienceMs ?? patienceMs;
  }

  /** The client that the tests share. Nobody closes it. */
  get client(): Client {
    return this.#client;
  }

  get leaseMs(): number {
    return this.contract.leaseMsMin ?? 1000;
  }

  /** A delay that the engine keeps apart from `delay(steps ± 1)`. */
  delay(steps: number): number {
    return steps * (this.contract.delayMsStep ?? 100);
  }

  has(capability: Capability): boolean {
    return this.#client.driver.capabilities[capability] !== false;
  }

  /** A client of its own, which is closed after the test. */
  async connect(): Promise<Client> {
    const client = await this.engine.connect();
    this.#opened.push(client);
    return client;
  }

  /** The longest restart so far: what is to happen after one has to be later than that. */
  get restartMsMax(): number {
    return this.#restartMsMax;
  }

  /** Afterwards `client` is one that works. */
  async restart(how: 'restart' | 'kill'): Promise<void> {
    const startMs = Date.now();
    const gone = this.contract.clientsOutliveEngine === false;
    if (gone) await this.#client.close({ drain: 0 });
    await this.engine[how]?.();
    if (gone) this.#client = await this.engine.connect();
    this.#restartMsMax = Math.max(this.#restartMsMax, Date.now() - startMs);
  }

  async afterEach(): Promise<void> {
    const opened = this.#opened;
    this.#opened = [];
    await Promise.all(opened.map((client) => client.close({ drain: 0 })));
  }

  async stop(): Promise<void> {
    await this.#client.close({ drain: 0 });
    await this.engine.stop();
  }

  /** A queue of a new name, whose retries do not take long. */
  queue<T = unknown>(options: QueueOptions<T> = {}, client: Client = this.#client): Queue<T> {
    return client.queue<T>(uniqueName('queue'), { retry: QUICK, ...options });
  }

  topic<T = unknown>(options: TopicOptions<T> = {}, client: Client = this.#client): Topic<T> {
    return client.topic<T>(uniqueName('topic'), options);
  }
}

/** Three retries, which come soon. */
export const QUICK = { max: 3, backoff: 'fixed', base: 20 } as const;

export function uniqueName(prefix: string): string {
  names += 1;
  return `${prefix}-${process.pid}-${Date.now().toString(36)}-${names}`;
}

/** Asks until the answer is neither `undefined` nor `false`; the last failure goes into the error when patience ends. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const endMs = Date.now() + patienceMs;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > endMs) throw new Error(`gave up waiting until ${what}`, { cause });
    await pause(20);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A promise with its handles. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Fails with `what` when the promise has not settled after all patience: a hang gets a name. */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still waiting: ${what}`)), patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The next message; fails if none comes. */
export async function take<T>(queue: Queue<T>): Promise<Message<T>> {
  const message = await queue.receive({ wait: patienceMs });
  if (message === undefined) throw new Error(`no message came from ${queue.name}`);
  return message;
}

/** What can be seen of a message, as a plain object to compare with. */
export function facts(message: Message | undefined): Record<string, unknown> {
  if (message === undefined) return {};
  const { id, data, type, headers, key, timestamp, correlationId, replyTo } = message;
  const { retryCount, errors, redriven, source, partition, offset } = message;
  const sent = { id, data, type, headers, key, timestamp, correlationId, replyTo };
  return { ...sent, retryCount, errors, redriven, source, partition, offset };
}

/** Takes and acknowledges until there are `count`, in the order they came. */
export async function drain<T>(queue: Queue<T>, count: number): Promise<Message<T>[]> {
  const messages: Message<T>[] = [];
  while (messages.length < count) {
    const message = await take(queue);
    await message.ack();
    messages.push(message);
  }
  return messages;
}

/** Proof that a queue holds nothing more: a message sent now is the only one that comes. */
export async function expectNothingBefore(queue: Queue, what: string): Promise<void> {
  const { id } = await queue.send('the last one');
  const next = await take(queue);
  await next.ack();
  if (next.id !== id) throw new Error(`${what}, but ${JSON.stringify(next.data)} came`);
  const more = await queue.receive({ wait: 50 });
  if (more !== undefined) throw new Error(`${what}, but ${JSON.stringify(more.data)} came, too`);
}

/** What a handler was given, and how many came. */
export class Seen<T = unknown> {
  readonly messages: Message<T>[] = [];
  readonly errors: unknown[] = [];

  get data(): T[] {
    return this.messages.map((message) => message.data);
  }

  until(count: number): Promise<Message<T>[]> {
    return eventually(`${count} messages came, not ${this.messages.length}`, () =>
      this.messages.length >= count ? this.messages : undefined,
    ).catch((error: unknown) => {
      throw new Error(`${count} messages were to come, ${this.messages.length} did`, {
        cause: this.errors.length > 0 ? this.errors : error,
      });
    });
  }

  readonly handler = (message: Message<T>): void => void this.messages.push(message);
  readonly onError = (error: unknown): void => void this.errors.push(error);
}

/** Consumes everything into a list. */
export function collect<T>(
  queue: Queue<T>,
  options: ConsumeOptions = {},
): Seen<T> & { consumer: Consumer } {
  const seen = new Seen<T>();
  const consumer = queue.consume(seen.handler, { onError: seen.onError, ...options });
  return Object.assign(seen, { consumer });
}

/** The code of what it rejects with or throws; fails if it does not. */
export async function codeOf(run: () => unknown): Promise<string> {
  const error = await errorOf(run);
  if (!(error instanceof PolymqError)) throw new Error('not a PolymqError', { cause: error });
  return error.code;
}

export async function errorOf(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error('it was to fail, and did not');
}
