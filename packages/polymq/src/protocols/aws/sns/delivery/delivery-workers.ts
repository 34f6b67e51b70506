/**
 * The workers of all subscriptions that are delivered to (`delivery-port.ts`), what they share, and the notices around
 * subscriptions.
 *
 *   subscription ─► worker ─┐                 ┌─► http(s) ─┐
 *   subscription ─► worker ─┼─► slots ─► sender ─► lambda ──┼─► outbound
 *   subscription ─► worker ─┘                 ├─► sms ──────┘
 *                                             └─► email ─────► SMTP
 */
import { setMaxListeners } from 'node:events';
import type { Counters } from '../../../../lib/counters.ts';
import { RateLimit } from '../../../../lib/rate-limit.ts';
import type { DeliveryContext, DeliveryWorkers } from '../delivery-port.ts';
import { type PublishedMessage, renderConfirmation } from '../envelope.ts';
import { deliveryQueueName, type Subscription } from '../subscription.ts';
import { signatureVersionOf } from '../topic-attributes.ts';
import type { DeliveredProtocol, Failure, Sender } from './delivery.ts';
import { DeliveryCounters } from './delivery-counters.ts';
import type { MailSender } from './mail-sender.ts';
import { Notices } from './notices.ts';
import { outboundPost } from './outbound-post.ts';
import { workingPolicy } from './policy/effective-policy.ts';
import { type EmailParts, emailSender, sendConfirmationMail, sendMail } from './send/email.ts';
import { type HttpMessageType, httpSender, postMessage, TEXT_TYPE } from './send/http.ts';
import { lambdaSender } from './send/lambda.ts';
import { postSms, smsSender } from './send/sms.ts';
import { Slots } from './slots.ts';
import { SmtpMailSender } from './smtp-mail-sender.ts';
import { SubscriptionWorker } from './subscription-worker.ts';

/** Deliveries at the same time, over all subscriptions. */
const IN_FLIGHT_MAX = 50;
/** What is under way when the broker ends may take so long. */
const CLOSE_MS = 3_000;
const LOG_LINES_PER_SECOND = 10;

export interface DeliveryOptions extends DeliveryContext {
  readonly counters: Counters;
  /** Instead of the server that the settings name. */
  readonly mail?: MailSender;
}

/** Delivers to http, https, lambda, email, email-json and sms. */
export function openDelivery(options: DeliveryOptions): DeliveryWorkers {
  return new Workers(options);
}

class Workers implements DeliveryWorkers {
  readonly #options: DeliveryOptions;
  readonly #parts: EmailParts & { post: ReturnType<typeof outboundPost> };
  readonly #senders: Readonly<Record<DeliveredProtocol, Sender>>;
  readonly #workers = new Map<string, SubscriptionWorker>();
  /** Those that were stopped while a delivery was under way. */
  readonly #ending = new Set<SubscriptionWorker>();
  readonly #slots = new Slots(IN_FLIGHT_MAX);
  readonly #logLimit: RateLimit;
  readonly #notices: Notices;
  readonly #abort = new AbortController();
  #closed = false;
  /** Called when nothing is under way any more. */
  #onIdle: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    const { environment, logger, view, signer } = options;
    const { smtpUrl, emailFrom, smsWebhook, lambdaEndpoints, privateTargets } = options.options.sns;
    this.#options = options;
    const mail = options.mail ?? (smtpUrl === '' ? undefined : new SmtpMailSender(smtpUrl));
    // Every request listens to it.
    setMaxListeners(0, this.#abort.signal);
    const post = outboundPost(environment.outbound, privateTargets, this.#abort.signal);
    const parts = { signer, view, post, mail, from: emailFrom };
    this.#parts = parts;
    const http = httpSender(parts);
    const email = emailSender(parts);
    this.#senders = {
      http,
      https: http,
      lambda: lambdaSender({ ...parts, endpoints: lambdaEndpoints }),
      email,
      'email-json': email,
      sms: smsSender({ ...parts, webhook: smsWebhook }),
    };
    this.#logLimit = new RateLimit(LOG_LINES_PER_SECOND, environment.clock);
    this.#notices = new Notices(environment, logger, () => this.#settled());
  }

  start(subscription: Subscription): void {
    const { id, protocol } = subscription;
    if (this.#closed || !Object.hasOwn(this.#senders, protocol)) return;
    this.#notices.cancel(`confirm ${id}`);
    const known = this.#workers.get(id);
    if (known !== undefined) {
      known.update(subscription);
      return;
    }
    const queue = this.#options.broker.queues.get('', deliveryQueueName(id));
    if (queue === undefined) {
      const fields = { subscription: subscription.arn, queue: deliveryQueueName(id) };
      this.#options.logger.error(
        fields,
        'the queue of a subscription is gone: nothing is delivered',
      );
      return;
    }
    const worker: SubscriptionWorker = new SubscriptionWorker(
      {
        ...this.#options,
        slots: this.#slots,
        counters: new DeliveryCounters(this.#options.counters, protocol),
        sender: this.#senders[protocol as DeliveredProtocol],
        logLimit: this.#logLimit,
        onSettled: () => this.#settled(worker),
      },
      queue,
      subscription,
    );
    this.#workers.set(id, worker);
    worker.start();
  }

  stop(id: string): void {
    this.#notices.cancel(`confirm ${id}`);
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    this.#workers.delete(id);
    worker.stop();
    if (worker.inFlight > 0) this.#ending.add(worker);
  }

  confirm(subscription: Subscription, token: string): void {
    this.#notify(subscription, 'confirm', () => {
      const { protocol } = subscription;
      if (protocol === 'email') return sendConfirmationMail(this.#parts, subscription, token);
      return this.#tell(subscription, 'SubscriptionConfirmation', token);
    });
  }

  ended(subscription: Subscription, token: string): void {
    const { protocol } = subscription;
    if (protocol !== 'http' && protocol !== 'https') return;
    this.#notify(subscription, 'ended', () =>
      this.#tell(subscription, 'UnsubscribeConfirmation', token),
    );
  }

  async sendSms(phoneNumber: string, message: PublishedMessage): Promise<void> {
    const { post } = this.#parts;
    const { smsWebhook } = this.#options.options.sns;
    const failure = await postSms({ post, webhook: smsWebhook }, phoneNumber, message);
    if (failure !== undefined) throw new Error(`the SMS was not sent: ${failure.message}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#notices.close();
    for (const worker of this.#workers.values()) worker.stop();
    if (!this.#idle()) await this.#untilIdle();
    for (const worker of [...this.#workers.values(), ...this.#ending]) worker.abandon();
    this.#workers.clear();
    this.#abort.abort();
    this.#parts.mail?.close();
  }

  #notify(
    subscription: Subscription,
    what: 'confirm' | 'ended',
    send: () => Promise<Failure | undefined>,
  ): void {
    const { id, arn, protocol, topicName, attributes } = subscription;
    const ofTopic = this.#options.view.topicAttributes(topicName)['DeliveryPolicy'];
    const policy = workingPolicy(protocol, attributes['DeliveryPolicy'], ofTopic);
    const retries = policy.healthyRetryPolicy;
    this.#notices.add({ key: `${what} ${id}`, subscriptionArn: arn, retries, send });
  }

  async #tell(
    subscription: Subscription,
    type: Exclude<HttpMessageType, 'Notification'>,
    token: string,
  ): Promise<Failure | undefined> {
    const { environment, signer, view } = this.#options;
    const { topicArn, topicName, origin, arn, protocol } = subscription;
    const messageId = environment.random.uuid();
    const body = await renderConfirmation({
      type,
      messageId,
      token,
      topicArn,
      timestampMs: environment.clock.nowMs(),
      origin,
      subscriptionArn: arn,
      signatureVersion: signatureVersionOf(view.topicAttributes(topicName)),
      signer,
    });
    if (protocol === 'email-json') {
      return sendMail(this.#parts, subscription, {
        subject: 'Subscription Confirmation',
        text: body,
      });
    }
    const message = { type, messageId, contentType: TEXT_TYPE, body };
    return postMessage(this.#parts.post, subscription, message);
  }

  #settled(worker?: SubscriptionWorker): void {
    if (worker?.inFlight === 0) this.#ending.delete(worker);
    if (this.#onIdle !== undefined && this.#idle()) this.#onIdle();
  }

  #idle(): boolean {
    return this.#slots.taken === 0 && this.#notices.running === 0;
  }

  #untilIdle(): Promise<void> {
    const { timers } = this.#options.environment;
    return new Promise((resolve) => {
      const timer = timers.after(CLOSE_MS, resolve);
      this.#onIdle = () => {
        timers.clear(timer);
        resolve();
      };
    });
  }
}
