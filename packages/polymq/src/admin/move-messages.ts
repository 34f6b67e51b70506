/** Takes ready messages out of one queue and puts them into another, so that a crash finds each message in one of the two. */
import type { Broker } from '../core/broker.ts';
import { MessageDraft } from '../core/message/message-draft.ts';
import { groupOfDraft } from '../core/message/message-group.ts';
import { NEUTRAL_FORMAT_ID, writeNeutral } from '../core/message/neutral-format.ts';
import type { NeutralMessage } from '../core/message/neutral-message.ts';
import type { Queue } from '../core/queue/queue.ts';
import type { Clock } from '../lib/environment/clock.ts';

export interface MoveRequest {
  readonly to: string;
  /** As `messageIdOf` makes them. */
  readonly ids: readonly string[];
  /** Set on each message; null: taken off. */
  readonly headers: Readonly<Record<string, string | null>>;
}

export interface Move {
  readonly queue: Queue;
  readonly target: Queue;
  readonly request: MoveRequest;
  readonly clock: Clock;
}

/**
 * The ids that were moved, durably. Those that are not ready any more, or not there, are left out. The limits of the target do
 * not hold here: what was in the broker stays in it.
 */
export async function moveMessages(
  broker: Pick<Broker, 'queues' | 'formats'>,
  move: Move,
): Promise<string[]> {
  const { queue, request } = move;
  const { store } = broker.queues;
  const moved: string[] = [];
  for (const id of new Set(request.ids)) {
    const place = /^(\d{1,15})-(\d{1,15})$/.exec(id);
    if (place === null) continue;
    const [row, seq] = [Number(place[1]), Number(place[2])];
    if (!queue.contains(row, seq)) continue;
    if (!store.locate(row)) await store.load(row);
    if (!queue.contains(row, seq) || !store.locate(row)) continue;
    if (moveOne(broker, move, row, seq)) moved.push(id);
  }
  await store.whenCommitted(store.position);
  return moved;
}

/** Out of the one and into the other queue in one turn of the event loop. The store's view is at the row. */
function moveOne(
  { queues, formats }: Pick<Broker, 'queues' | 'formats'>,
  { queue, target, request, clock }: Move,
  row: number,
  seq: number,
): boolean {
  const { view } = queues.store;
  const neutral = withHeaders(formats.neutralOf(view), request.headers);
  const draft = new MessageDraft();
  draft.format = NEUTRAL_FORMAT_ID;
  draft.persistent = view.persistent;
  draft.priority = neutral.priority ?? 0;
  draft.publishedMs = clock.nowMs();
  draft.returning = true;
  draft.setNames('', target.name);
  draft.setContent(writeNeutral(neutral), Buffer.from(view.body));
  if (target.definition.settings.groups === true) {
    draft.groupId = queue.groupIdOf(row) ?? groupOfDraft(formats, draft);
  }
  // Else the message might find the batch full that its removal has come into.
  queues.store.together();
  if (!queue.discard(row, seq)) return false;
  queues.publish(draft, [target]);
  return true;
}

function withHeaders(
  message: NeutralMessage,
  changes: Readonly<Record<string, string | null>>,
): NeutralMessage {
  const kept = message.headers.filter(({ name }) => !(name in changes));
  const set = Object.entries(changes).flatMap(([name, value]) =>
    value === null ? [] : [{ name, value }],
  );
  return { ...message, headers: [...kept, ...set] };
}
