/** Retained messages on their way to a client that has just subscribed. */
import { fillDraft } from '../../core/exchange/replayed-draft.ts';
import type { MessageView } from '../../core/message/message-bytes.ts';
import { MessageDraft } from '../../core/message/message-draft.ts';
import type { MqttConnection } from './connection.ts';
import { SENT_AS_RETAINED, type Sending } from './outgoing.ts';
import { effectOf, lowerQos, type Subscription } from './subscription.ts';

const draft = new MessageDraft();

/** Sends those that the subscription wants, as fast as the client takes them. Nobody waits for it. */
export function sendRetained(connection: MqttConnection, subscription: Subscription): void {
  const { server } = connection;
  const { exchange, key } = subscription;
  const shown = server.retained.show(exchange, key, (view, expiryS) =>
    send(connection, subscription, view, expiryS),
  );
  if (shown !== undefined) {
    server.sessions.background(shown, 'retained messages were not sent to an MQTT client');
  }
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
    store(connection, view, expiryS);
    return true;
  } else if (session.live.offer(message, sending)) server.delivered.value += 1;
  if (connection.hasRoom) return true;
  server.flush(connection);
  return connection.hasRoom || connection.whenRoom();
}

/** It becomes one of the messages that wait for the client, so that it gets there whatever happens. */
function store(connection: MqttConnection, view: MessageView, expiryS: number): void {
  const { delivery } = connection.session!;
  if (delivery.queue === undefined) return;
  fillDraft(draft, view);
  const properties = Buffer.from(view.properties);
  properties[0]! |= SENT_AS_RETAINED;
  draft.setContent(properties, view.body);
  draft.persistent = true;
  draft.ttlMs = expiryS < 0 ? -1 : expiryS * 1000;
  connection.server.broker.queues.publish(draft, [delivery.queue]);
  draft.clear();
}
