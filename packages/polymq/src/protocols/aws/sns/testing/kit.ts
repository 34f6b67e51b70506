/** SNS and SQS over a real core in memory, with a clock under control; restartable on its data. */
import { expect } from 'vitest';
import { Alarms } from '../../../../core/alarms.ts';
import type { Broker } from '../../../../core/broker.ts';
import { openCrossing } from '../../../../core/crossing/open-crossing.ts';
import { openExchanges } from '../../../../core/exchange/open-exchanges.ts';
import { MessageFormats } from '../../../../core/message/message-formats.ts';
import { openDocuments } from '../../../../core/meta/open-documents.ts';
import { DedupWindow } from '../../../../core/queue/dedup-window.ts';
import { declaredQueues, openQueues } from '../../../../core/queue/open-queues.ts';
import type { DeclaredValues } from '../../../../core/queue/queue-definition.ts';
import { openMessageStore } from '../../../../core/queue/store/open-message-store.ts';
import {
  type Kit as CoreKit,
  openKit as openCoreKit,
} from '../../../../core/stream/testing/kit.ts';
import { CounterRegistry } from '../../../../lib/counters.ts';
import { type LogFields, type Logger, silentLogger } from '../../../../lib/logger.ts';
import type { HttpAnswer, HttpExchange, HttpRequest } from '../../../../net/http/http-exchange.ts';
import type { AwsCall, AwsHandler } from '../../call.ts';
import { awsFormat } from '../../message/format.ts';
import type { AwsOptions, SnsOptions } from '../../options.ts';
import { Sqs } from '../../sqs/index.ts';
import { AwsError } from '../../wire/index.ts';
import type { DeliveryWorkers } from '../delivery-port.ts';
import { Sns } from '../index.ts';
import { deliveryQueueName, type Subscription } from '../subscription.ts';

export const ACCOUNT = '000000000000';
export const ORIGIN = 'http://broker:9324';

export function queueArn(name: string): string {
  return `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;
}

export function topicArn(name: string): string {
  return `arn:aws:sns:us-east-1:${ACCOUNT}:${name}`;
}

// biome-ignore lint/suspicious/noExplicitAny: outputs are what the tests are about
type Output = any;

/** What SNS asked of its deliveries, and the newest token. */
export interface Asked {
  readonly log: string[];
  readonly tokens: string[];
  readonly started: Map<string, Subscription>;
}

export class SnsKit {
  readonly core: CoreKit;
  readonly broker: Broker;
  readonly sns: Sns;
  readonly sqs: Sqs;
  readonly asked: Asked;
  readonly options: Partial<SnsOptions>;
  readonly logged: { fields: LogFields; message: string }[];
  readonly #close: () => Promise<void>;

  private constructor(
    parts: Pick<SnsKit, 'core' | 'broker' | 'sns' | 'sqs' | 'asked' | 'options' | 'logged'>,
    close: () => Promise<void>,
  ) {
    this.core = parts.core;
    this.broker = parts.broker;
    this.sns = parts.sns;
    this.sqs = parts.sqs;
    this.asked = parts.asked;
    this.options = parts.options;
    this.logged = parts.logged;
    this.#close = close;
  }

  static async open(options: Partial<SnsOptions> = {}): Promise<SnsKit> {
    return SnsKit.#on(await openCoreKit(), options);
  }

  static async #on(
    core: CoreKit,
    options: Partial<SnsOptions>,
    advertised?: AwsOptions['advertised'],
  ): Promise<SnsKit> {
    const { broker, close } = await openBroker(core);
    if (keys !== undefined) await broker.documents.put(KEYS, keys);
    const asked: Asked = { log: [], tokens: [], started: new Map() };
    const logged: SnsKit['logged'] = [];
    const error = (fields: LogFields, message: string) => void logged.push({ fields, message });
    const logger: Logger = { ...silentLogger, warn: error, error };
    const { environment } = core;
    const parts = { broker, environment, logger, options: { ...awsOptions(options), advertised } };
    const counters = new CounterRegistry();
    const sns = new Sns({ ...parts, counters, createDelivery: () => recordedDelivery(asked) });
    const sqs = new Sqs({ ...parts, topics: sns });
    await sns.opened;
    keys ??= broker.documents.get(KEYS);
    return new SnsKit({ core, broker, sns, sqs, asked, options, logged }, async () => {
      await sqs.close();
      await sns.close();
      await close();
    });
  }

  /** Calls an action of SNS. */
  async call(action: string, input: object, call: Partial<AwsCall> = {}): Promise<Output> {
    return handle(this.sns.handlers, action, input, call);
  }

  /** Calls an action of SQS. */
  async queue(action: string, input: object): Promise<Output> {
    return handle(this.sqs.handlers, action, input, {});
  }

  /** Expects a refusal, and returns it as `code: message`. */
  async refusal(action: string, input: object, call: Partial<AwsCall> = {}): Promise<string> {
    try {
      await this.call(action, input, call);
    } catch (error: unknown) {
      expect(error).toBeInstanceOf(AwsError);
      const { code, message } = error as AwsError;
      return `${code}: ${message}`;
    }
    throw new Error(`${action} was not refused`);
  }

  async topic(name: string, attributes: Record<string, string> = {}): Promise<string> {
    const fifo = name.endsWith('.fifo') ? { FifoTopic: 'true' } : {};
    const Attributes = { ...fifo, ...attributes };
    const { TopicArn } = await this.call('CreateTopic', { Name: name, Attributes });
    return TopicArn;
  }

  /** Returns its URL. */
  async createQueue(name: string, attributes: Record<string, string> = {}): Promise<string> {
    const fifo = name.endsWith('.fifo') ? { FifoQueue: 'true' } : {};
    const Attributes = { ...fifo, ...attributes };
    const { QueueUrl } = await this.queue('CreateQueue', { QueueName: name, Attributes });
    return QueueUrl;
  }

  /** Subscribes a queue of SQS; returns the ARN of the subscription. */
  async subscribe(
    topic: string,
    queue: string,
    attributes: Record<string, string> = {},
  ): Promise<string> {
    const { SubscriptionArn } = await this.call('Subscribe', {
      TopicArn: topicArn(topic),
      Protocol: 'sqs',
      Endpoint: queueArn(queue),
      Attributes: attributes,
    });
    return SubscriptionArn;
  }

  publish(topic: string, message: string, more: object = {}): Promise<Output> {
    return this.call('Publish', { TopicArn: topicArn(topic), Message: message, ...more });
  }

  /** Receives all that is there, and deletes it. */
  async receive(queue: string): Promise<Output[]> {
    const QueueUrl = `${ORIGIN}/${ACCOUNT}/${queue}`;
    const all: Output[] = [];
    for (;;) {
      const { Messages = [] } = await this.queue('ReceiveMessage', {
        QueueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 0,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      });
      if (Messages.length === 0) return all;
      for (const message of Messages) {
        all.push(message);
        const { ReceiptHandle } = message;
        await this.queue('DeleteMessage', { QueueUrl, ReceiptHandle });
      }
    }
  }

  /** The texts that were published, as they came out of their envelopes. */
  async received(queue: string): Promise<string[]> {
    const messages = await this.receive(queue);
    return messages.map(({ Body }) => (JSON.parse(Body) as { Message: string }).Message);
  }

  /** How many messages wait for a worker to deliver them. */
  waiting(arn: string): number {
    const id = arn.split(':').at(-1)!;
    return this.broker.queues.get('', deliveryQueueName(id))?.readyCount ?? -1;
  }

  get(target: string, headers: Record<string, string> = {}): Promise<HttpAnswer | undefined> {
    return new Promise((resolve) => {
      const exchange = exchangeOf('GET', target, headers, resolve);
      if (!this.sns.handleGet(exchange)) resolve(undefined);
    });
  }

  /** Lets work in the background come to its end. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      await (await this.sns.opened).turns.idle();
    }
  }

  async restart({
    crash = false,
    advertised,
  }: {
    crash?: boolean;
    advertised?: AwsOptions['advertised'];
  } = {}): Promise<SnsKit> {
    if (!crash) await this.#close();
    return SnsKit.#on(await this.core.restart({ crash }), this.options, advertised);
  }

  async destroy(): Promise<void> {
    await this.#close();
    await this.core.destroy();
  }
}

/** Making keys takes long, so the first ones serve all tests of a run. */
const KEYS = 'aws/signing';
let keys: DeclaredValues | undefined;

async function openBroker(core: CoreKit): Promise<{ broker: Broker; close: () => Promise<void> }> {
  const { engine, environment, meta, streams } = core;
  const logger = silentLogger;
  const documents = openDocuments(meta);
  const declared = declaredQueues(meta);
  const store = await openMessageStore({
    engine,
    environment,
    durability: 'fsync',
    knowsQueue: (id) => declared.knows(id),
  });
  const dedup = new DedupWindow({ ...environment, store });
  const opened = openQueues({ environment, declared, store, logger });
  const { queues } = opened;
  const formats = new MessageFormats([awsFormat]);
  const streamExists = (name: string): boolean => streams.get(name) !== undefined;
  const parts = { environment, meta, queues, formats, logger };
  const made = await openExchanges({ ...parts, streamExists });
  const { exchanges, publisher, deadLetterRouter } = made;
  streams.onChange(({ stream }) => exchanges.streamChanged(stream.name));
  queues.deadLetterRouter = deadLetterRouter;
  queues.restored();
  const alarms = new Alarms();
  const crossing = await openCrossing({ ...parts, exchanges, publisher, streams, alarms });
  const facade = { streams, queues, exchanges, publisher, formats, documents, dedup, alarms };
  return {
    broker: facade as unknown as Broker,
    close: async () => {
      crossing.close();
      await made.close();
      dedup.close();
      await opened.close();
      await store.close();
    },
  };
}

function recordedDelivery({ log, tokens, started }: Asked): DeliveryWorkers {
  return {
    start: (subscription) => {
      log.push(`start ${subscription.endpoint}`);
      started.set(subscription.id, subscription);
    },
    stop: (id) => {
      log.push(`stop ${started.get(id)?.endpoint}`);
      started.delete(id);
    },
    confirm: ({ endpoint }, token) => {
      log.push(`confirm ${endpoint}`);
      tokens.push(token);
    },
    ended: ({ endpoint }, token) => {
      log.push(`ended ${endpoint}`);
      tokens.push(token);
    },
    sendSms: async (number, { body }) => {
      log.push(`sms ${number}: ${body}`);
    },
    close: async () => undefined,
  };
}

async function handle(
  handlers: Readonly<Record<string, AwsHandler>>,
  action: string,
  input: object,
  call: Partial<AwsCall>,
): Promise<Output> {
  return handlers[action]!(input, {
    requestId: '11111111-2222-4333-8444-555555555555',
    origin: ORIGIN,
    region: 'us-east-1',
    accountId: ACCOUNT,
    accessKeyId: ACCOUNT,
    exchange: exchangeOf('POST', '/', {}, () => undefined),
    ...call,
  });
}

export function exchangeOf(
  method: string,
  target: string,
  headers: Record<string, string>,
  answer: (answer: HttpAnswer) => void,
): HttpExchange {
  const request: HttpRequest = {
    method,
    target,
    header: (name) => headers[name],
    headers: Object.entries(headers),
    body: Buffer.alloc(0),
  };
  return {
    request,
    remoteAddress: '127.0.0.1',
    localAddress: '127.0.0.1',
    localPort: 9324,
    closed: false,
    onClosed: undefined,
    answer,
  };
}

function awsOptions(sns: Partial<SnsOptions>): AwsOptions {
  return {
    region: '',
    accountId: ACCOUNT,
    credentials: new Map(),
    strict: false,
    messageBytesMax: 1024 * 1024,
    advertised: undefined,
    sns: {
      privateTargets: [],
      lambdaEndpoints: new Map(),
      smtpUrl: '',
      emailFrom: '',
      smsWebhook: '',
      ...sns,
    },
  };
}
