/**
 * Retained messages on their way to a client that has just subscribed: at the pace at which it reads, or if they go to its stored
 * session, at that of the disk.
 */
import { fillDraft } from '../../core/exchange/replayed-draft.ts';
import type { MessageView } from '../../core/message/message-bytes.ts';
import { MessageDraft } from '../../core/message/message-draft.ts';
import type { MqttConnection } from './connection.ts';
import { SENT_AS_RETAINED, type Sending } from './outgoing.ts';
import { effectOf, lowerQos, type Subscription } from './subscription.ts';

/** With more on its way to the disk, no more is copied for one client. */
const UNCOMMITTED_BYTES_MAX = 8 * 1024 * 1024;

const draft = new MessageDraft();

/** What is under way for a client: one subscription's after the other's, so that one client does not fill the memory with them. */
interface Line {
  length: number;
  end: Promise<void>;
}

const lines = new WeakMap<MqttConnection, Line>();

/** Sends those that the subscription wants, as fast as the client takes them. Nobody waits for it. */
export function sendRetained(connection: MqttConnection, subscription: Subscription): void {
  const { server } = connection;
  const line = lines.get(connection);
  if (line !== undefined && line.length >= server.options.subscriptionsMax) {
    connection.close('quotaExceeded', 'too many subscriptions wait for their retained messages');
    return;
  }
  const shown =
    line?.end.then(() => show(connection, subscription)) ?? show(connection, subscription);
  if (shown !== undefined) standInLine(connection, shown);
}

function show(connection: MqttConnection, subscription: Subscription): Promise<void> | undefined {
  if (connection.closed) return undefined;
  const { exchange, key } = subscription;
  return connection.server.retained.show(exchange, key, (view, expiryS) =>
    send(connection, subscription, view, expiryS),
  );
}

function standInLine(connection: MqttConnection, shown: Promise<void>): void {
  const line = lines.get(connection) ?? { length: 0, end: shown };
  lines.set(connection, line);
  line.length += 1;
  // What one of them fails with is no matter for the next one.
  line.end = shown
    .catch(() => undefined)
    .then(() => {
      line.length -= 1;
      if (line.length === 0) lines.delete(connection);
    });
  const { sessions } = connection.server;
  sessions.background(shown, 'retained messages were not sent to an MQTT client');
}

/** Whether more may follow. */
function send(
  connection: MqttConnection,
  subscription: Subscription,
  view: MessageView,
  expiryS: number,
): boolean | Promise<boolean> {
  const { session, server } = connection;
  if (connection.closed || session === undefined) return false;
  const message = server.outgoing;
  if (!message.pointAtView(view, expiryS)) return true;
  const effect = effectOf([subscription], false)!;
  const sending: Sending = {
    qos: lowerQos(message.qos, effect.qos),
    retain: true,
    dup: false,
    packetId: 0,
    subscriptionIds: effect.subscriptionIds,
  };
  if (sending.qos === 0) {
    if (message.send(connection, sending)) server.delivered.value += 1;
  } else if (session.stored) {
    return store(connection, view, expiryS);
  } else if (session.live.offer(message, sending)) server.delivered.value += 1;
  if (connection.hasRoom) return true;
  server.flush(connection);
  return connection.hasRoom || connection.whenRoom();
}

/**
 * It becomes one of the messages that wait for the client, so that it gets there whatever happens. All retained messages at once
 * may be more than the disk takes as fast.
 */
function store(
  connection: MqttConnection,
  view: MessageView,
  expiryS: number,
): boolean | Promise<boolean> {
  const { delivery } = connection.session!;
  if (delivery.queue === undefined) return false;
  fillDraft(draft, view);
  const properties = Buffer.from(view.properties);
  properties[0]! |= SENT_AS_RETAINED;
  draft.setContent(properties, view.body);
  draft.persistent = true;
  draft.ttlMs = expiryS < 0 ? -1 : expiryS * 1000;
  const { queues } = connection.server.broker;
  queues.publish(draft, [delivery.queue]);
  draft.clear();
  if (queues.store.uncommittedBytes < UNCOMMITTED_BYTES_MAX) return true;
  return queues.store.whenCommitted(queues.store.position).then(() => true);
}
