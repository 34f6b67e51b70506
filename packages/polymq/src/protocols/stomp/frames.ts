/**
 * What the broker does with each command but SEND, ACK and NACK, which have ways of their own. A handler that must wait returns a
 * promise; what follows on the connection waits for it.
 */
import { StompError } from './codec/stomp-error.ts';
import { type DestinationName, parseDestination, TEMP_QUEUE_PREFIX } from './destinations.ts';
import { refused } from './errors.ts';
import {
  declareNamed,
  declareSubscription,
  existing,
  type Headers,
  isDurable,
  subscriptionQueue,
  type Target,
} from './queue-declaration.ts';
import { duplicateDetail } from './reply-queues.ts';
import type { StompSession } from './session.ts';
import { openStreamSubscription } from './stream-subscription.ts';
import {
  type AckMode,
  QueueSubscription,
  type Subscription,
  type SubscriptionOptions,
} from './subscription.ts';

export interface Frame {
  command: string;
  headers: Headers;
  /**
   * These two as they stand in the frame, which is how they are given back: there are clients of 1.1 that know of no escapes.
   */
  id: Buffer | undefined;
  receipt: Buffer | undefined;
}

type Handler = (session: StompSession, frame: Frame) => Promise<void> | undefined;

const ID_BYTES_MAX = 255;
const PREFETCH_MAX = 65_535;

export const HANDLERS: Readonly<Record<string, Handler>> = {
  SUBSCRIBE: subscribe,
  UNSUBSCRIBE: unsubscribe,
  BEGIN(session, frame) {
    session.transactions.begin(transactionOf(frame));
    session.answerReceipt(frame);
    return undefined;
  },
  COMMIT(session, frame) {
    session.transactions.commit(transactionOf(frame));
    session.answerReceipt(frame, true);
    return undefined;
  },
  ABORT(session, frame) {
    session.transactions.abort(transactionOf(frame));
    session.answerReceipt(frame);
    return undefined;
  },
  DISCONNECT(session, frame) {
    session.answerReceipt(frame, true);
    session.disconnect();
    return undefined;
  },
};

function transactionOf({ command, headers }: Frame): string {
  const name = headers.get('transaction');
  if (name !== undefined) return name;
  const detail = `"${command}" must include a 'transaction' header\n`;
  throw new StompError('Missing transaction', detail);
}

async function subscribe(session: StompSession, frame: Frame): Promise<void> {
  const { headers } = frame;
  if (isDurable(headers) && !headers.has('id')) {
    throw new StompError('Missing Header', "Header 'id' is required for durable subscriptions");
  }
  const text = headers.get('destination');
  if (text === undefined) {
    const detail = `"SUBSCRIBE" must include a 'destination' header\n`;
    throw new StompError('Missing destination', detail);
  }
  const destination = parseDestination(text);
  if (destination.kind === 'temp-queue') {
    const detail = `'${text}' is not a valid destination for 'SUBSCRIBE'\n`;
    throw new StompError('Invalid destination', detail);
  }
  const options = optionsOf(session, destination, frame);
  if (session.subscriptions.has(options.tag)) {
    throw new StompError('Duplicated subscription identifier', duplicateDetail(options.tag));
  }
  session.checkRoom();
  const target = await targetOf(session, destination, headers);
  if (session.closed) return;
  try {
    const subscription = await open(session, target, options, headers);
    await bind(session, destination, target);
    if (session.closed) return subscription.stop();
    session.replaceSubscription(options.tag, subscription);
    session.answerReceipt(frame);
    session.sendReceipts();
    subscription.begin();
  } catch (error: unknown) {
    // Nobody else knows the queue that was made for this subscription.
    const own = destination.kind === 'topic' || destination.kind === 'exchange';
    if (own && target.queue && !isDurable(headers)) session.server.owners.discard(target.queue);
    throw error;
  }
}

async function open(
  session: StompSession,
  { queue, stream }: Target,
  options: SubscriptionOptions,
  headers: Headers,
): Promise<Subscription> {
  if (stream !== undefined) return openStreamSubscription(session, stream, options, headers);
  const subscription = new QueueSubscription(session, queue, options);
  queue.addConsumer(subscription);
  return subscription;
}

function targetOf(
  session: StompSession,
  destination: DestinationName,
  headers: Headers,
): Promise<Target> | Target {
  const { kind, key } = destination;
  if (kind === 'topic' || kind === 'exchange') {
    const { exchanges } = session.server.broker;
    if (exchanges.get(session.namespace, destination.exchange) === undefined) {
      const text = `no exchange '${destination.exchange}' in vhost '${session.vhost}'`;
      throw refused('not_found', text);
    }
    return declareSubscription(session, destination, headers);
  }
  if (kind === 'amq-queue' || kind === 'reply-queue') return existing(session, key);
  if (key === '') throw new StompError('Invalid destination', 'Destination cannot be blank');
  // Declared once with what this frame says; then it is only used.
  const { broker } = session.server;
  if (session.declared.has(key) && broker.queues.get(session.namespace, key) !== undefined) {
    return existing(session, key);
  }
  return declareNamed(session, key, headers).then((target) => {
    session.noteDeclared(key);
    return target;
  });
}

async function bind(
  session: StompSession,
  { kind, exchange, key }: DestinationName,
  { queue, stream }: Target,
): Promise<void> {
  if (kind !== 'topic' && kind !== 'exchange') return;
  await session.server.broker.exchanges.bind({
    namespace: session.namespace,
    source: exchange,
    destination: queue?.name ?? stream!.name,
    destinationKind: queue === undefined ? 'stream' : 'queue',
    routingKey: key,
    arguments: {},
  });
}

function unsubscribe(session: StompSession, frame: Frame): Promise<void> | undefined {
  const { headers } = frame;
  if (isDurable(headers) && !headers.has('id')) {
    throw new StompError('Missing Header', "Header 'id' is required for durable subscriptions");
  }
  const { tag, description } = identify(headers, 'UNSUBSCRIBE');
  const subscription = session.subscriptions.get(tag);
  if (subscription === undefined) {
    const detail = `UNSUBSCRIBE must refer to an existing subscription.\nSubscription to "${description}" not found.\n`;
    throw new StompError('No subscription found', detail);
  }
  session.unsubscribe(subscription);
  const { destination } = subscription;
  if (destination?.kind === 'topic' && isDurable(headers)) {
    const name = headers.get('x-queue-name') ?? subscriptionQueue(session, destination, headers);
    const queue = session.server.broker.queues.get(session.namespace, name);
    if (queue !== undefined) {
      return session.server.broker.queues.delete(queue).then(() => session.answerReceipt(frame));
    }
  }
  session.answerReceipt(frame);
  return undefined;
}

function optionsOf(
  session: StompSession,
  destination: DestinationName,
  { headers, id: wireId }: Frame,
): SubscriptionOptions {
  const { id, tag, description } = identify(headers, 'SUBSCRIBE');
  return {
    id,
    wireId,
    destination,
    tag,
    description,
    ackMode: ackModeOf(headers.get('ack') ?? 'auto'),
    prefetch: prefetchOf(headers.get('prefetch-count')),
    firstNumber: session.firstNumberOf(tag),
  };
}

type Identity = Pick<SubscriptionOptions, 'id' | 'tag' | 'description'>;

/** By its id, or where there is none by its destination. */
function identify(headers: Headers, command: string): Identity {
  const id = headers.get('id');
  const destination = headers.get('destination');
  if (Buffer.byteLength(id ?? '') > ID_BYTES_MAX) {
    throw new StompError('Invalid id', `'id' is longer than ${ID_BYTES_MAX} bytes\n`);
  }
  if (id?.startsWith(TEMP_QUEUE_PREFIX)) {
    throw new StompError('Invalid id', `${command} 'id' may not start with ${TEMP_QUEUE_PREFIX}\n`);
  }
  if (id !== undefined) return { id, tag: `T_${id}`, description: `id='${id}'` };
  if (destination === undefined) {
    const detail = `${command} must include a 'destination' or 'id' header`;
    throw new StompError('Missing destination or id', detail);
  }
  return { id, tag: `Q_${destination}`, description: `destination='${destination}'` };
}

function ackModeOf(text: string): AckMode {
  if (text === 'auto' || text === 'client' || text === 'client-individual') return text;
  const detail = `'ack' must be auto, client or client-individual, not '${text.slice(0, 40)}'\n`;
  throw new StompError('Invalid header', detail);
}

function prefetchOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const count = /^\s*\d{1,6}\s*$/.test(text) ? Number(text) : Infinity;
  if (count <= PREFETCH_MAX) return count;
  const detail = `'prefetch-count' must be a number from 0 to ${PREFETCH_MAX}, not '${text.slice(0, 40)}'\n`;
  throw new StompError('Invalid header', detail);
}
