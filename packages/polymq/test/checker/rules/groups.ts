/**
 * The rule of FIFO groups: a group is locked while one of its messages is with a consumer, so when a message is delivered,
 * each that was published before it in its group has been settled, or came before it in the same answer.
 *
 * A settlement counts from when it was sent: the broker may have done it although no answer came. That a message
 * does not come back once its settlement was answered is a rule of all queues (`queues.ts`).
 */
import type { Anomaly } from '../anomaly.ts';
import { groupBy } from '../final-state.ts';
import type { Delivery, Publish, QueueHistory } from '../queue-history.ts';

/** A message of a group, in the order of publishing. */
interface Member {
  publish: Publish;
  deliveries: readonly Delivery[];
  /** When the first settlement was sent that may have taken it. */
  settledAt: number;
}

export function overtaken(history: QueueHistory): Anomaly[] {
  const grouped = history.publishes.filter((publish) => publish.group !== undefined);
  if (grouped.length === 0) return [];
  const deliveries = groupBy(history.deliveries, keyOf);
  const taken = history.settlements.filter((each) => each.kind !== 'requeue');
  const settlements = groupBy(taken, keyOf);
  const places = grouped.flatMap((publish) => publish.queues.map((queue) => ({ publish, queue })));
  const groups = groupBy(places, ({ publish, queue }) => `${queue}\n${publish.group}`);
  return [...groups.values()].flatMap((group) => {
    const members = group.map(({ publish, queue }): Member => {
      const key = keyOf({ queue, value: publish.value });
      const settledAt = settlements.get(key)?.[0]?.at ?? Number.POSITIVE_INFINITY;
      return { publish, deliveries: deliveries.get(key) ?? [], settledAt };
    });
    return overtakenIn(members.filter(isStored));
  });
}

/** Nobody knows of a message that was neither confirmed nor seen. */
function isStored({ publish, deliveries }: Member): boolean {
  return publish.outcome === 'ok' || deliveries.length > 0;
}

function overtakenIn(members: readonly Member[]): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const given = members.flatMap(({ deliveries }, index) =>
    deliveries.map((delivery) => ({ delivery, index })),
  );
  given.sort((a, b) => a.delivery.at - b.delivery.at);
  /** All before it were settled by the time of the delivery that is looked at. */
  let settled = 0;
  for (const { delivery, index } of given) {
    while (settled < members.length && members[settled]!.settledAt < delivery.at) settled += 1;
    for (let i = settled; i < index; i += 1) {
      const member = members[i]!;
      if (member.settledAt < delivery.at || cameBefore(member, delivery)) continue;
      anomalies.push(anomaly(delivery, member));
      break;
    }
  }
  return anomalies;
}

/** In the same answer, in front of the other. */
function cameBefore({ deliveries }: Member, other: Delivery): boolean {
  return deliveries.some(
    ({ reader, askedAt, at }) =>
      reader === other.reader && askedAt === other.askedAt && at < other.at,
  );
}

function keyOf({ queue, value }: { queue: string; value: string }): string {
  return `${queue}\n${value}`;
}

function anomaly(delivery: Delivery, { publish, deliveries, settledAt }: Member): Anomaly {
  const { value, group } = publish;
  return {
    kind: 'reordered',
    log: delivery.queue,
    message: `value ${delivery.value} of group ${group} came to ${delivery.reader} while ${value}, which was published before it, was not settled`,
    evidence: [publish, delivery, ...deliveries, { settledAt }],
  };
}
