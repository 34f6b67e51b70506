/** Delivery workers over real queues and a real outbound client, with a clock under control; restartable on their data. */
import type { Broker } from '../../../../../core/broker.ts';
import { MessageDraft } from '../../../../../core/message/message-draft.ts';
import { MessageFormats } from '../../../../../core/message/message-formats.ts';
import { NEUTRAL_FORMAT } from '../../../../../core/message/neutral-format.ts';
import type { NeutralMessage } from '../../../../../core/message/neutral-message.ts';
import { declaredQueues, openQueues } from '../../../../../core/queue/open-queues.ts';
import type { Queue } from '../../../../../core/queue/queue.ts';
import type { QueueCatalogue } from '../../../../../core/queue/queue-catalogue.ts';
import {
  type OpenMessageStore,
  openMessageStore,
} from '../../../../../core/queue/store/open-message-store.ts';
import {
  type Kit as CoreKit,
  openKit as openCoreKit,
} from '../../../../../core/stream/testing/kit.ts';
import { CounterRegistry } from '../../../../../lib/counters.ts';
import type { LogFields } from '../../../../../lib/logger.ts';
import { silentLogger } from '../../../../../lib/logger.ts';
import { AWS_FORMAT_ID, attributesOf, awsFormat } from '../../../message/format.ts';
import {
  type MessageProperties,
  readMessageProperties,
  writeMessageProperties,
} from '../../../message/properties.ts';
import type { AwsOptions, SnsOptions } from '../../../options.ts';
import type { DeliveryWorkers } from '../../delivery-port.ts';
import type { SnsSigner } from '../../signing/signer.ts';
import {
  deliveryQueueName,
  type Subscription,
  type SubscriptionProtocol,
} from '../../subscription.ts';
import type { Failure } from '../delivery.ts';
import type { DeliveryOutcome } from '../delivery-counters.ts';
import { openDelivery } from '../delivery-workers.ts';
import type { Mail, MailSender } from '../mail-sender.ts';

export const TOPIC_ARN = 'arn:aws:sns:us-east-1:000000000000:news';
export const DEAD_LETTERS = 'dead-letters';
export const REDRIVE = JSON.stringify({
  deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${DEAD_LETTERS}`,
});

export interface Dead {
  body: string;
  attributes: Record<string, string | undefined>;
  properties: MessageProperties;
}

export interface Kit {
  readonly core: CoreKit;
  readonly workers: DeliveryWorkers;
  readonly queues: QueueCatalogue;
  readonly store: OpenMessageStore;
  readonly mails: Mail[];
  readonly logged: { fields: LogFields; message: string }[];
  readonly topicAttributes: Record<string, string>;
  /** Declares the queue of a subscription and starts its worker. */
  subscribe(
    protocol: SubscriptionProtocol,
    endpoint: string,
    attributes?: Record<string, string>,
    more?: Partial<Subscription> & { fifo?: boolean },
  ): Promise<Subscription>;
  publish(subscription: Subscription, body: string, more?: Partial<MessageProperties>): void;
  /** As another protocol would. */
  publishForeign(subscription: Subscription, body: Buffer, message: NeutralMessage): void;
  queueOf(subscription: Subscription): Queue;
  deadLetters(): Promise<Dead[]>;
  count(protocol: SubscriptionProtocol, outcome: DeliveryOutcome): number;
  /** Moves time on in small steps, with turns of the event loop between. */
  pass(byMs: number): Promise<void>;
  /** Resolves when it holds; time stands still. */
  until(condition: () => boolean): Promise<void>;
  restart(options?: { crash?: boolean }): Promise<Kit>;
  destroy(): Promise<void>;
}

export interface KitOptions {
  sns?: Partial<SnsOptions>;
  engine?: 'file';
  /** What sending a mail comes to. */
  mailFailure?: () => Failure | undefined;
}

const SIGNER: SnsSigner = {
  certificatePath: '/SimpleNotificationService-test.pem',
  certificatePem: '',
  sign: async (_text, version) => `signature-${version}`,
};

export async function openKit(options: KitOptions = {}): Promise<Kit> {
  const core = await openCoreKit(options.engine === 'file' ? { engine: 'file' } : {});
  return openOn(core, options, {});
}

async function openOn(
  core: CoreKit,
  options: KitOptions,
  topicAttributes: Record<string, string>,
): Promise<Kit> {
  const messaging = await openMessaging(core);
  const { queues, store } = messaging;
  const counters = new CounterRegistry();
  const mails: Mail[] = [];
  const mail: MailSender = {
    send: async (one) => {
      mails.push(one);
      return options.mailFailure?.();
    },
    close: () => undefined,
  };
  const logged: Kit['logged'] = [];
  const workers = openDelivery({
    broker: messaging.broker,
    environment: core.environment,
    logger: {
      ...silentLogger,
      warn: (fields, message) => logged.push({ fields, message }),
      error: (fields, message) => logged.push({ fields, message }),
    },
    options: awsOptions(options.sns),
    signer: SIGNER,
    view: { subscription: () => undefined, topicAttributes: () => topicAttributes },
    counters,
    mail,
  });
  return {
    core,
    workers,
    queues,
    store,
    mails,
    logged,
    topicAttributes,
    queueOf: (subscription) => queueOf(queues, subscription),
    subscribe: async (protocol, endpoint, attributes = {}, { fifo = false, ...more } = {}) => {
      const subscription = subscriptionOf(protocol, endpoint, attributes, more);
      const name = deliveryQueueName(subscription.id);
      if (queues.get('', name) === undefined) await declare(queues, name, fifo);
      if (queues.get('', DEAD_LETTERS) === undefined) await declare(queues, DEAD_LETTERS, false);
      workers.start(subscription);
      return subscription;
    },
    publish: (subscription, body, more = {}) => {
      const { random, clock } = core.environment;
      const messageId = random.uuid();
      const properties = { messageId, published: true, topicArn: TOPIC_ARN, ...more };
      const draft = draftOf(properties, body, clock.nowMs());
      queues.publish(draft, [queueOf(queues, subscription)]);
    },
    publishForeign: (subscription, body, message) => {
      const draft = draftOf({ messageId: '' }, '', core.environment.clock.nowMs());
      draft.format = NEUTRAL_FORMAT.id;
      draft.setContent(NEUTRAL_FORMAT.fromNeutral(message, body.length), body);
      queues.publish(draft, [queueOf(queues, subscription)]);
    },
    deadLetters: () => deadLettersIn(queues.get('', DEAD_LETTERS)!),
    count: (protocol, outcome) =>
      counters.counter('polymq_sns_delivery_attempts_total', { protocol, outcome }).value,
    pass: async (byMs) => {
      for (let passedMs = 0; passedMs < byMs; passedMs += 500) {
        core.clock.advance(500);
        await turn();
      }
    },
    until,
    restart: async ({ crash = false } = {}) => {
      await store.whenCommitted(store.position);
      if (!crash) await workers.close();
      await messaging.close();
      return openOn(await core.restart(), options, topicAttributes);
    },
    destroy: async () => {
      await workers.close();
      await messaging.close();
      await core.destroy();
    },
  };
}

interface Messaging {
  broker: Broker;
  queues: QueueCatalogue;
  store: OpenMessageStore;
  close(): Promise<void>;
}

async function openMessaging({ environment, engine, meta }: CoreKit): Promise<Messaging> {
  const declared = declaredQueues(meta);
  const knowsQueue = (id: number): boolean => declared.knows(id);
  const store = await openMessageStore({ engine, environment, durability: 'fsync', knowsQueue });
  const opened = openQueues({ environment, declared, store, logger: silentLogger });
  const { queues } = opened;
  queues.restored();
  let number = 0;
  const broker = {
    queues,
    formats: new MessageFormats([awsFormat]),
    dedup: { nextNumber: () => ++number },
  } as unknown as Broker;
  const close = async (): Promise<void> => {
    await opened.close();
    await store.close();
  };
  return { broker, queues, store, close };
}

function queueOf(queues: QueueCatalogue, { id }: Subscription): Queue {
  return queues.get('', deliveryQueueName(id))!;
}

function draftOf(properties: MessageProperties, body: string, nowMs: number): MessageDraft {
  const draft = new MessageDraft();
  draft.format = AWS_FORMAT_ID;
  draft.persistent = true;
  draft.publishedMs = nowMs;
  draft.groupId = properties.groupId;
  draft.setNames('news', '');
  draft.setContent(writeMessageProperties(properties), Buffer.from(body));
  return draft;
}

async function deadLettersIn(queue: Queue): Promise<Dead[]> {
  const found: Dead[] = [];
  await queue.peek(1_000, (view) => {
    const properties = readMessageProperties(view.properties);
    const attributes = Object.entries(attributesOf(properties.attributes)).map(
      ([name, { StringValue }]) => [name, StringValue] as const,
    );
    const body = view.body.toString();
    found.push({ body, attributes: Object.fromEntries(attributes), properties });
  });
  return found;
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns === TURNS_MAX) throw new Error(`it never came to be: ${condition}`);
    await turn();
  }
}

/** About three seconds. */
const TURNS_MAX = 2_500;

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

async function declare(queues: QueueCatalogue, name: string, groups: boolean): Promise<void> {
  const flags = { durable: true, autoDelete: false, exclusive: false, declared: {} };
  await queues.declare('', name, { ...flags, settings: { groups } });
}

function subscriptionOf(
  protocol: SubscriptionProtocol,
  endpoint: string,
  attributes: Record<string, string>,
  more: Partial<Subscription>,
): Subscription {
  const id = more.id ?? '11111111-2222-4333-8444-555555555555';
  return {
    id,
    arn: `${TOPIC_ARN}:${id}`,
    topicName: 'news',
    topicId: 'topic',
    topicArn: TOPIC_ARN,
    protocol,
    endpoint,
    ownerId: '000000000000',
    origin: 'http://broker:9324',
    attributes,
    confirmed: true,
    authenticated: true,
    unsubscribeSigned: false,
    token: '',
    sinceMs: 0,
    ended: false,
    ...more,
  };
}

function awsOptions(sns: Partial<SnsOptions> = {}): AwsOptions {
  return {
    region: '',
    accountId: '000000000000',
    credentials: new Map(),
    strict: false,
    messageBytesMax: 1024 * 1024,
    advertised: undefined,
    sns: {
      privateTargets: ['127.0.0.1/32'],
      lambdaEndpoints: new Map(),
      smtpUrl: '',
      emailFrom: 'news@example.com',
      smsWebhook: '',
      ...sns,
    },
  };
}
