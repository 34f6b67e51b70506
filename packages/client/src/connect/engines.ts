/** Which driver belongs to which URL. Each is loaded when it is needed, and its library with it. */
import type { OpenDriver } from '../driver/driver.ts';
import { PolymqError } from '../errors.ts';

export interface Engine {
  /** Its options in `ConnectOptions`. */
  readonly options: 'amqp' | 'embedded' | 'kafka' | 'polymq' | 'redis' | 'sqs';
  /** What a URL looks like, for errors. */
  readonly example: string;
  open(): Promise<OpenDriver<never>>;
}

const amqp: Engine = {
  options: 'amqp',
  example: 'amqp://localhost',
  open: async () => (await import('../drivers/amqp/index.ts')).open,
};
const kafka: Engine = {
  options: 'kafka',
  example: 'kafka://k1:9092,k2:9092',
  open: async () => (await import('../drivers/kafka/index.ts')).open,
};
const polymq: Engine = {
  options: 'polymq',
  example: 'polymq://localhost',
  open: async () => (await import('../drivers/polymq/index.ts')).open,
};
const redis: Engine = {
  options: 'redis',
  example: 'redis://localhost',
  open: async () => (await import('../drivers/redis/index.ts')).open,
};
const sqs: Engine = {
  options: 'sqs',
  example: 'https://sqs.eu-west-1.amazonaws.com',
  open: async () => (await import('../drivers/sqs/index.ts')).open,
};
const embedded: Engine = {
  options: 'embedded',
  example: 'embedded:./data',
  open: async () => (await loadBroker()).openEmbeddedDriver,
};

/** By the protocol of the URL. */
export const ENGINES: Readonly<Record<string, Engine>> = {
  'polymq:': polymq,
  'amqp:': amqp,
  'amqps:': amqp,
  'kafka:': kafka,
  'http:': sqs,
  'https:': sqs,
  'sqs:': sqs,
  'redis:': redis,
  'rediss:': redis,
  'embedded:': embedded,
  'memory:': embedded,
};

/** What the package `polymq` offers: the broker in this process. Named by a variable, since the client knows no broker. */
interface BrokerPackage {
  readonly openEmbeddedDriver: OpenDriver<never>;
}

const BROKER_PACKAGE = 'polymq';

async function loadBroker(): Promise<BrokerPackage> {
  try {
    return (await import(/* @vite-ignore */ BROKER_PACKAGE)) as BrokerPackage;
  } catch (cause: unknown) {
    if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new PolymqError(
      'missing-package',
      'a broker in this process needs the package polymq: npm install polymq',
      { cause },
    );
  }
}
