/**
 * The content header with which a message leaves: mostly the stored one, and `undefined` says so. A dead letter gets
 * `x-death` and its kin, a redelivery from a quorum queue or one with groups `x-delivery-count`, and what came over another protocol is
 * translated.
 */
import { type DeathRecord, readHistory } from '../../core/message/history.ts';
import type { MessageView } from '../../core/message/message-bytes.ts';
import type { Queue } from '../../core/queue/queue.ts';
import type { Channel } from './channel.ts';
import { editHeaders, editProperties, FieldTimestamp, type FieldValue } from './codec/index.ts';
import { CONTENT_GAP_BYTES } from './content.ts';
import { AMQP_FORMAT_ID, amqpFormat } from './message-format.ts';

export function deliveredHeader(
  channel: Channel,
  view: MessageView,
  queue: Queue,
  row: number,
): Buffer | undefined {
  const { rows } = channel.session.server.broker.queues.store;
  const { declared, settings } = queue.definition;
  const counted = declared['x-queue-type'] === 'quorum' || settings.groups === true;
  const attempts = counted ? rows.page(row).attempts[rows.index(row)]! : 0;
  if (view.format === AMQP_FORMAT_ID && !view.hasHistory && attempts === 0) return undefined;
  let header = headerOf(channel, view);
  if (view.hasHistory) header = withDeaths(header, readHistory(view.historyJson));
  if (attempts > 0)
    header = editHeaders(header, 0, header.length, { 'x-delivery-count': BigInt(attempts) });
  return header;
}

/** The stored content header, or one made from another protocol's properties. */
function headerOf(channel: Channel, view: MessageView): Buffer {
  const { properties } = view;
  if (view.format === AMQP_FORMAT_ID) {
    return properties.subarray(0, properties.length - CONTENT_GAP_BYTES);
  }
  const neutral = channel.session.server.broker.formats.neutralOf(view);
  const written = amqpFormat.fromNeutral(neutral, view.bodyBytes);
  return written.subarray(0, written.length - CONTENT_GAP_BYTES);
}

/** `x-death`, newest first, and the short forms of the first and the last one. */
export function withDeaths(header: Buffer, deaths: readonly DeathRecord[]): Buffer {
  const last = deaths[0];
  const first = deaths.reduce<DeathRecord | undefined>(
    (oldest, death) => (oldest === undefined || death.firstMs < oldest.firstMs ? death : oldest),
    undefined,
  );
  if (last === undefined || first === undefined) return header;
  const changed = editHeaders(header, 0, header.length, {
    'x-death': deaths.map(deathEntry),
    'x-first-death-exchange': first.exchange,
    'x-first-death-queue': first.queue,
    'x-first-death-reason': first.reason,
    'x-last-death-exchange': last.exchange,
    'x-last-death-queue': last.queue,
    'x-last-death-reason': last.reason,
  });
  // The message lives on without the time limit that it may have died of.
  return editProperties(changed, 0, changed.length, { expiration: null });
}

function deathEntry(death: DeathRecord): FieldValue {
  return {
    // As a 64-bit integer, since that is what clients with static types expect.
    count: BigInt(death.count),
    reason: death.reason,
    queue: death.queue,
    time: new FieldTimestamp(Math.floor(death.firstMs / 1000)),
    exchange: death.exchange,
    'routing-keys': [...death.routingKeys],
    ...(death.ttlMs === undefined ? {} : { 'original-expiration': String(death.ttlMs) }),
  };
}
