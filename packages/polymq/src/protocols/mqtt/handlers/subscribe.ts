/**
 * SUBSCRIBE: filters become bindings, and what is durable is safe before the SUBACK says so. Then come the retained messages.
 *
 *   filter ─► known to the session ─┬─ live: bound in this turn
 *                                   └─ stored: document, queue and binding, in one commit ─► SUBACK ─► retained messages
 *
 * One filter that is refused has a reason code of its own and changes nothing for the others.
 */
import {
  MqttError,
  REASON,
  type SubscribePacket,
  type SubscribeRequest,
  suback,
} from '../codec/index.ts';
import type { MqttConnection } from '../connection.ts';
import { asMqttError } from '../errors.ts';
import { wantsRetained } from '../retained/retained.ts';
import { sendRetained } from '../retained-sending.ts';
import type { MqttSession } from '../session.ts';
import { subscriptionKey, subscriptionTo, writeSubscription } from '../session-document.ts';
import { bindQueue, unbindQueue } from '../session-queue.ts';
import type { Subscription } from '../subscription.ts';

/** One filter, while it is being subscribed to. */
interface Request {
  code: number;
  /** Gets retained messages. */
  shown: Subscription | undefined;
}

export function handleSubscribe(
  connection: MqttConnection,
  packet: SubscribePacket,
): Promise<void> | undefined {
  const session = connection.session!;
  const requests: Request[] = [];
  const waiting: Promise<void>[] = [];
  for (const asked of packet.subscriptions) {
    const request: Request = { code: asked.qos, shown: undefined };
    requests.push(request);
    const work = begin(session, asked, packet.subscriptionId, request);
    if (work !== undefined) waiting.push(work);
  }
  if (waiting.length === 0) return answer(connection, packet, requests);
  const all = Promise.all(waiting);
  session.working = all.catch(() => undefined);
  return all.then(() => answer(connection, packet, requests));
}

/** Sets the request's code. What it returns never rejects but for bugs. */
function begin(
  session: MqttSession,
  asked: SubscribeRequest,
  id: number,
  request: Request,
): Promise<void> | undefined {
  const { filter, qos, noLocal, retainAsPublished } = asked;
  const subscription = subscriptionTo(filter, { qos, noLocal, retainAsPublished, id });
  if (subscription === undefined) {
    request.code = REASON.topicFilterInvalid;
    return undefined;
  }
  const { subscriptionsMax } = session.server.options;
  if (session.subscriptions.size >= subscriptionsMax && !session.subscriptions.has(filter)) {
    request.code = REASON.quotaExceeded;
    return undefined;
  }
  const before = session.add(subscription);
  const isShared = subscription.share !== undefined;
  if (wantsRetained(asked.retainHandling, before === undefined, isShared)) {
    request.shown = subscription;
  }
  const fail = (error: unknown): void => {
    refuse(session, subscription, request, error);
    if (before !== undefined) session.add(before);
  };
  try {
    return apply(session, subscription, before)?.catch(fail);
  } catch (error: unknown) {
    fail(error);
    return undefined;
  }
}

function refuse(
  session: MqttSession,
  subscription: Subscription,
  request: Request,
  thrown: unknown,
): void {
  const error = asMqttError(thrown);
  if (!(error instanceof MqttError)) throw thrown;
  const { server } = session;
  const { filter } = subscription;
  server.logger.warn({ filter, clientId: session.clientId, error }, 'refused an MQTT subscription');
  session.remove(subscription);
  request.code = error.reasonCode;
  request.shown = undefined;
}

/** Makes the bindings, and writes down what is durable. */
function apply(
  session: MqttSession,
  subscription: Subscription,
  before: Subscription | undefined,
): Promise<void> | undefined {
  const { shares } = session.server;
  if (!session.stored) {
    if (subscription.share !== undefined) return shares.join(session, subscription);
    session.bindLive(subscription);
    return undefined;
  }
  return applyStored(session, subscription, before);
}

async function applyStored(
  session: MqttSession,
  subscription: Subscription,
  before: Subscription | undefined,
): Promise<void> {
  const { documents } = session.server.broker;
  const key = subscriptionKey(session.clientId, subscription.filter);
  const written = documents.put(key, writeSubscription(subscription));
  // Both are under way at the same time, so that they share a commit.
  const bound = bindStored(session, subscription, before);
  const results = await Promise.allSettled([written, bound]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function bindStored(
  session: MqttSession,
  subscription: Subscription,
  before: Subscription | undefined,
): Promise<void> {
  if (subscription.share !== undefined) return session.server.shares.join(session, subscription);
  if (session.isLive(subscription)) {
    session.bindLive(subscription);
    if (before !== undefined && !session.isLive(before)) await unbindQueue(session, before);
    return;
  }
  if (before === undefined || session.isLive(before)) await bindQueue(session, subscription);
  // What is known of routes says that the client gets its messages otherwise.
  if (before !== undefined && session.isLive(before)) session.unbindLive(before);
}

function answer(
  connection: MqttConnection,
  { packetId }: SubscribePacket,
  requests: readonly Request[],
): undefined {
  if (connection.closed) return;
  const codes = requests.map(({ code }) => code);
  const { packetBytesMax } = connection;
  connection.send(suback(connection.version, packetId, codes, { packetBytesMax }));
  for (const { shown } of requests) {
    if (shown !== undefined) sendRetained(connection, shown);
  }
}
