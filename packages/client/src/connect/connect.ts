/**
 * From an address to a client:
 *
 *   'amqp://rabbit'                       → driver amqp  → client
 *   { queues: 'amqp://…', topics: 'kafka://…' } → two drivers → composed → client
 *   a driver of your own                  → client
 */
import type { Client } from '../client/client.ts';
import { type ClientOptions, type CreatedClient, createClient } from '../client/create-client.ts';
import type { Driver, DriverContext } from '../driver/driver.ts';
import type { AmqpOptions } from '../drivers/amqp/index.ts';
import { compose } from '../drivers/composed/index.ts';
import type { KafkaOptions } from '../drivers/kafka/index.ts';
import type { PolymqOptions } from '../drivers/polymq/index.ts';
import type { RedisOptions } from '../drivers/redis/index.ts';
import type { SqsOptions } from '../drivers/sqs/index.ts';
import { PolymqError } from '../errors.ts';
import { systemClock } from '../lib/clock.ts';
import { durationMs } from '../lib/duration.ts';
import { checkOptions, type OptionNames } from '../lib/known-options.ts';
import { ENGINES, type Engine } from './engines.ts';
import { parseAddress } from './parse-address.ts';

export interface ConnectOptions extends ClientOptions {
  /** Shows at the engine, where it shows names. Missing: `polymq-client`. */
  readonly name?: string;
  readonly amqp?: AmqpOptions;
  readonly kafka?: KafkaOptions;
  readonly polymq?: PolymqOptions;
  readonly redis?: RedisOptions;
  readonly sqs?: SqsOptions;
  /** Settings of the broker, for `embedded:` and `memory:`. */
  readonly embedded?: Readonly<Record<string, unknown>>;
}

/** One engine for queues and another for topics. */
export interface SplitAddress {
  readonly queues: string | URL | Driver;
  readonly topics: string | URL | Driver;
}

const OPTIONS: OptionNames<ConnectOptions> = {
  name: true,
  interceptors: true,
  timeout: true,
  onError: true,
  random: true,
  amqp: true,
  kafka: true,
  polymq: true,
  redis: true,
  sqs: true,
  embedded: true,
};

const TIMEOUT_MS = 30_000;
const NAME = 'polymq-client';

/**
 * A client of the engine at that address. Resolves when it answers; from then on a lost connection is made again by itself. Rejects with
 * `invalid-argument` for an address that means nothing, `missing-package` if the engine's library is not installed, `timeout` or
 * `disconnected` if nobody is there, `access-refused` if credentials are wrong.
 */
export async function connect(
  address: string | URL | SplitAddress | Driver,
  options: ConnectOptions = {},
): Promise<Client> {
  checkOptions(options, OPTIONS, 'connect');
  let client: CreatedClient | undefined;
  const context = contextOf(options, (state, error) => client?.connectionChanged(state, error));
  const driver = await driverOf(address, options, context);
  client = createClient(driver, options);
  return client;
}

function contextOf(
  { name, timeout }: ConnectOptions,
  onConnection: DriverContext['onConnection'],
): DriverContext {
  return {
    clock: systemClock,
    timeoutMs: timeout === undefined ? TIMEOUT_MS : durationMs(timeout, 'timeout'),
    clientName: name ?? NAME,
    onConnection,
  };
}

async function driverOf(
  address: string | URL | SplitAddress | Driver,
  options: ConnectOptions,
  context: DriverContext,
): Promise<Driver> {
  if (typeof address === 'string' || address instanceof URL) {
    return openAddress(String(address), options, context);
  }
  if ('capabilities' in address) return address;
  const { queues, topics } = address;
  if (queues === undefined || topics === undefined) {
    throw new PolymqError(
      'invalid-argument',
      'connect takes a URL, or { queues, topics } with a URL each; one of the two is missing',
    );
  }
  const opened = await driverOf(queues, options, context);
  try {
    return compose({ queues: opened, topics: await driverOf(topics, options, context) });
  } catch (error: unknown) {
    await opened.close().catch(() => undefined);
    throw error;
  }
}

async function openAddress(
  address: string,
  options: ConnectOptions,
  context: DriverContext,
): Promise<Driver> {
  const { url, furtherHosts } = parseAddress(address);
  const engine = ENGINES[url.protocol];
  if (engine === undefined) throw unknownScheme(url.protocol);
  const open = await engine.open();
  return open(url, engineOptions(engine, options, furtherHosts) as never, context);
}

function engineOptions(
  engine: Engine,
  options: ConnectOptions,
  furtherHosts: readonly string[],
): unknown {
  const own = options[engine.options] ?? {};
  if (engine.options !== 'kafka' || furtherHosts.length === 0) return own;
  const { brokers = [], ...rest } = own as KafkaOptions;
  return { ...rest, brokers: [...furtherHosts, ...brokers] };
}

/** The scheme alone: the rest may hold a password, and errors end in logs. */
function unknownScheme(scheme: string): PolymqError {
  const examples = [...new Set(Object.values(ENGINES).map(({ example }) => example))].join(', ');
  return new PolymqError(
    'invalid-argument',
    `what begins with "${scheme}" is no address of an engine; such are ${examples}, and memory:`,
  );
}
