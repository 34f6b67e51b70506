/** UNSUBSCRIBE: what was waiting for the client by the filter still comes; nothing new does. */
import { REASON, type UnsubscribePacket, unsuback } from '../codec/index.ts';
import type { MqttConnection } from '../connection.ts';
import type { MqttSession } from '../session.ts';
import { subscriptionKey } from '../session-document.ts';
import { unbindQueue } from '../session-queue.ts';
import type { Subscription } from '../subscription.ts';

export function handleUnsubscribe(
  connection: MqttConnection,
  packet: UnsubscribePacket,
): Promise<void> | undefined {
  const session = connection.session!;
  const codes: number[] = [];
  const waiting: Promise<void>[] = [];
  for (const filter of packet.filters) {
    const subscription = session.subscriptions.get(filter);
    codes.push(subscription === undefined ? REASON.noSubscriptionExisted : REASON.success);
    if (subscription === undefined) continue;
    session.remove(subscription);
    const work = undo(session, subscription);
    if (work !== undefined) waiting.push(work);
  }
  const answer = (): void => {
    const { version, packetBytesMax } = connection;
    connection.send(unsuback(version, packet.packetId, codes, { packetBytesMax }));
  };
  if (waiting.length === 0) {
    answer();
    return undefined;
  }
  const all = Promise.all(waiting);
  session.working = all.catch(() => undefined);
  return all.then(answer);
}

function undo(session: MqttSession, subscription: Subscription): Promise<void> | undefined {
  const { documents } = session.server.broker;
  const undone = unbind(session, subscription);
  if (!session.stored) return undone;
  const forgotten = documents.delete(subscriptionKey(session.clientId, subscription.filter));
  return Promise.all([undone, forgotten]).then(() => undefined);
}

function unbind(session: MqttSession, subscription: Subscription): Promise<void> | undefined {
  const member = session.members?.get(subscription.filter);
  if (member !== undefined) return session.server.shares.leave(member);
  if (!session.isLive(subscription)) return unbindQueue(session, subscription);
  session.unbindLive(subscription);
  return undefined;
}
