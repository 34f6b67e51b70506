/** The sessions of the workload, all of which the broker remembers while they are away, and where a message goes. */
import type { ISubscription } from 'mqtt-packet';

export interface SessionSpec {
  clientId: string;
  version: 4 | 5;
  subscriptions: readonly ISubscription[];
  /** Everything comes with QoS 2 that was published with it. */
  exact: boolean;
  receiveMaximum?: number;
  /** Its messages are those of a group, of which each goes to one of the members. */
  group?: string;
}

function member(clientId: string): SessionSpec {
  const subscriptions = [{ topic: '$share/crew/crash/often/#', qos: 1 }] as const;
  return { clientId, version: 5, subscriptions, exact: false, receiveMaximum: 15, group: 'crew' };
}

export interface Topic {
  topic: string;
  /** Client ids of the sessions, and the groups, that must get what is published there. */
  sessions: readonly string[];
}

/** Connected while the broker is killed. */
export const SESSIONS: readonly SessionSpec[] = [
  {
    clientId: 'exact-five',
    version: 5,
    subscriptions: [{ topic: 'crash/exact/#', qos: 2 }],
    exact: true,
    receiveMaximum: 20,
  },
  {
    clientId: 'exact-four',
    version: 4,
    // The first two overlap: a message must come once all the same.
    subscriptions: [
      { topic: 'crash/exact/+', qos: 2 },
      { topic: 'crash/#', qos: 2 },
    ],
    exact: true,
  },
  {
    clientId: 'often-four',
    version: 4,
    subscriptions: [{ topic: 'crash/often/#', qos: 1 }],
    exact: false,
  },
  {
    clientId: 'often-five',
    version: 5,
    subscriptions: [{ topic: 'crash/+/a', qos: 1 }],
    exact: false,
    receiveMaximum: 7,
  },
  member('crew-one'),
  member('crew-two'),
];

/** Away from the beginning to the end. */
export const KEPT: SessionSpec = {
  clientId: 'kept',
  version: 5,
  subscriptions: [{ topic: 'crash/#', qos: 2 }],
  exact: true,
};

/** Gets what subscribers publish only to have it acknowledged, and never comes back. */
export const MARKER_TOPIC = 'markers';
export const MARKERS: SessionSpec = {
  clientId: 'markers',
  version: 4,
  subscriptions: [{ topic: MARKER_TOPIC, qos: 1 }],
  exact: false,
};

const OF_EXACT: readonly string[] = ['exact-five', 'exact-four', 'kept'];
const OF_OFTEN: readonly string[] = ['often-four', 'exact-four', 'kept', 'crew'];

/** Each publisher uses one of these lists. */
export const EXACT_TOPICS: readonly Topic[] = [
  { topic: 'crash/exact/a', sessions: [...OF_EXACT, 'often-five'] },
  { topic: 'crash/exact/b', sessions: OF_EXACT },
];
export const OFTEN_TOPICS: readonly Topic[] = [
  { topic: 'crash/often/a', sessions: [...OF_OFTEN, 'often-five'] },
  { topic: 'crash/often/b', sessions: OF_OFTEN },
];
/** What is published there at the end reaches every session at least once. */
export const LAST_TOPICS: readonly string[] = ['crash/exact/a', 'crash/often/a'];
export const LAST_PAYLOAD = 'the end';

export const RETAINED_TOPICS: readonly string[] = ['retained/a', 'retained/b', 'retained/c'];
