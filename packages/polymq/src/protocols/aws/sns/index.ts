/**
 * SNS over one broker: handlers of its actions, what anybody may get without signing, and the envelopes that SQS puts around
 * messages of topics. Opening it reads documents and, the first time, makes keys; what is asked before waits for that.
 */
import type { Broker } from '../../../core/broker.ts';
import type { Queue } from '../../../core/queue/queue.ts';
import type { Counters } from '../../../lib/counters.ts';
import { addressRefusal, parseAddressRules } from '../../../lib/environment/address-rules.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { HttpExchange } from '../../../net/http/http-exchange.ts';
import type { AwsCall, AwsHandler } from '../call.ts';
import type { MessageProperties } from '../message/properties.ts';
import { type AwsOptions, fallbackRegion } from '../options.ts';
import type { TopicsView } from '../sqs/context.ts';
import { encodeError, encodeXml, SNS, toAwsError, XML_TYPE } from '../wire/index.ts';
import { confirmSubscription, unsubscribe } from './actions/subscribe.ts';
import type { SnsContext } from './context.ts';
import { openDelivery } from './delivery/delivery-workers.ts';
import type { DeliveryContext, DeliveryWorkers } from './delivery-port.ts';
import { bodyFor, type PublishedMessage, renderEnvelope, renderFifoEnvelope } from './envelope.ts';
import { createSnsHandlers, type SnsActionName } from './handlers.ts';
import { openSigner } from './signing/signer.ts';
import { isRaw } from './subscription.ts';
import { Subscriptions } from './subscriptions.ts';
import { signatureVersionOf } from './topic-attributes.ts';
import { Topics } from './topics.ts';
import { Turns } from './turns.ts';
import { answerCertificate, unsignedAction } from './web.ts';

export interface SnsParts {
  broker: Broker;
  environment: Environment;
  logger: Logger;
  counters: Counters;
  options: AwsOptions;
  /** Instead of the workers that deliver, for tests. */
  createDelivery?: (context: DeliveryContext) => DeliveryWorkers;
}

export class Sns implements TopicsView {
  readonly handlers: Readonly<Record<string, AwsHandler>>;
  readonly #parts: SnsParts;
  /** Resolves when everything is there. */
  readonly opened: Promise<SnsContext>;
  #context: SnsContext | undefined;

  constructor(parts: SnsParts) {
    this.#parts = parts;
    this.opened = openSns(parts).then((context) => {
      this.#context = context;
      return context;
    });
    this.opened.catch((error: unknown) => {
      parts.logger.error({ error }, 'cannot open the topics and subscriptions of SNS');
    });
    let handlers: ReturnType<typeof createSnsHandlers> | undefined;
    const handlerOf =
      (name: SnsActionName): AwsHandler =>
      (input, call) => {
        const context = this.#context;
        if (context === undefined) return this.opened.then(() => handlerOf(name)(input, call));
        handlers ??= createSnsHandlers(context);
        return handlers[name](input, call);
      };
    const names = [...SNS.actions.keys()] as SnsActionName[];
    this.handlers = Object.fromEntries(names.map((name) => [name, handlerOf(name)]));
  }

  /** Answers what needs no signature, if the request is that. */
  handleGet(exchange: HttpExchange): boolean {
    if (exchange.request.method !== 'GET') return false;
    const context = this.#context;
    if (context !== undefined && answerCertificate(exchange, context.signer)) return true;
    const parameters = unsignedAction(exchange.request);
    if (parameters === undefined) return false;
    void this.#answerUnsigned(exchange, parameters);
    return true;
  }

  envelopeFor(
    message: PublishedMessage,
    { topicName, queueName }: { topicName: string; queueName: string },
    { origin }: Pick<AwsCall, 'origin'>,
  ): Promise<string> | undefined {
    const context = this.#context;
    if (context === undefined) {
      const names = { topicName, queueName };
      return this.opened.then(
        () => this.envelopeFor(message, names, { origin }) ?? bodyFor(message, 'sqs'),
      );
    }
    const subscription = context.subscriptions.forQueue(topicName, queueName);
    if (message.properties.published) {
      // As it was when it was published: the subscription may have changed since, or ended.
      if (isRawFor(message.properties, queueName)) return undefined;
    } else {
      if (subscription === undefined || isRaw(subscription)) return undefined;
      const { topicArn } = subscription;
      const properties = { ...message.properties, published: true, topicArn };
      return this.envelopeFor({ ...message, properties }, { topicName, queueName }, { origin });
    }
    const subscriptionArn = subscription?.arn;
    if (message.properties.sequenceNumber !== undefined) {
      return Promise.resolve(renderFifoEnvelope(message, { origin, subscriptionArn }));
    }
    return renderEnvelope(message, {
      origin,
      subscriptionArn,
      protocol: 'sqs',
      signatureVersion: signatureVersionOf(context.topics.get(topicName)?.attributes ?? {}),
      signer: context.signer,
    });
  }

  /** Messages of subscriptions that waited for a queue of that name go there when the promise resolves. */
  async queueCreated({ namespace, name }: Queue): Promise<void> {
    if (namespace !== '') return;
    const { subscriptions } = await this.opened;
    await subscriptions.queueChanged(name);
  }

  async close(): Promise<void> {
    const context = await this.opened.catch(() => undefined);
    await context?.turns.idle();
    await context?.workers.close();
  }

  async #answerUnsigned(exchange: HttpExchange, parameters: URLSearchParams): Promise<void> {
    const requestId = this.#parts.environment.random.uuid();
    const text = (name: string): string => parameters.get(name) ?? '';
    const call = this.#unsignedCall(exchange, requestId);
    const action = SNS.actions.get(text('Action'))!;
    try {
      const context = await this.opened;
      const output =
        action.name === 'Unsubscribe'
          ? await unsubscribe(context, { SubscriptionArn: text('SubscriptionArn') }, call, false)
          : await confirmSubscription(
              context,
              { TopicArn: text('TopicArn'), Token: text('Token') },
              call,
              false,
            );
      const body = encodeXml({ service: SNS, action, output, requestId });
      exchange.answer({ status: 200, contentType: XML_TYPE, body });
    } catch (thrown: unknown) {
      const error = toAwsError(thrown, SNS.service);
      if (error.code === 'InternalError') {
        this.#parts.logger.error({ error: thrown, action: action.name }, 'a request failed');
      }
      exchange.answer(encodeError({ wire: 'query', service: SNS, error, requestId }));
    }
  }

  #unsignedCall(exchange: HttpExchange, requestId: string): AwsCall {
    const { options } = this.#parts;
    const { accountId } = options;
    const region = fallbackRegion(options);
    return { requestId, origin: '', region, accountId, accessKeyId: '', exchange };
  }
}

function advertisedOriginOf({ advertised }: AwsOptions): string | undefined {
  if (advertised === undefined) return undefined;
  const { host, port } = advertised;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function isRawFor({ rawQueues }: MessageProperties, queueName: string): boolean {
  if (rawQueues === undefined || rawQueues === '*') return rawQueues === '*';
  return (JSON.parse(rawQueues) as string[]).includes(queueName);
}

async function openSns(parts: SnsParts): Promise<SnsContext> {
  const { broker, environment, logger, counters, options } = parts;
  const signer = await openSigner(broker.documents, environment);
  const turns = new Turns();
  const topics = new Topics(broker, environment);
  const advertisedOrigin = advertisedOriginOf(options);
  const known = { broker, environment, logger, topics, turns, advertisedOrigin };
  const subscriptions = new Subscriptions(known);
  const delivery: DeliveryContext = {
    broker,
    environment,
    logger,
    options,
    signer,
    view: {
      subscription: (id) => subscriptions.get(id),
      topicAttributes: (topicName) => topics.get(topicName)?.attributes ?? {},
    },
  };
  const workers = parts.createDelivery?.(delivery) ?? openDelivery({ ...delivery, counters });
  subscriptions.workers = workers;
  const rules = parseAddressRules(options.sns.privateTargets);
  await topics.dropOrphans();
  await subscriptions.open();
  return {
    broker,
    environment,
    logger,
    options,
    signer,
    topics,
    subscriptions,
    workers,
    turns,
    checkTarget: (url) => {
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const address = /^(.*\.)?localhost$/i.test(host) ? '127.0.0.1' : host;
      const isName = /[^0-9.]/.test(address) && !address.includes(':');
      const refusal = isName ? undefined : addressRefusal(address, rules);
      if (refusal === undefined) return undefined;
      return `${host} is ${refusal}; the setting sns.privateTargets names those that messages may be posted to`;
    },
  };
}
