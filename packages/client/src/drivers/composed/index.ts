/**
 * One driver made of two: queues from here, topics from there (`connect({ queues, topics })`). What concerns both at once, such as binding a
 * queue to a topic, neither can do.
 */
import type { Capabilities, Capability } from '../../driver/capabilities.ts';
import type { Driver } from '../../driver/driver.ts';

export interface Parts {
  readonly queues: Driver;
  readonly topics: Driver;
}

/** Who answers for a capability. `requests` follows the queues where their engine has it. */
const OF_TOPICS: readonly Capability[] = ['topic', 'live', 'group', 'replay'];
const OF_BOTH: readonly Capability[] = ['fanout', 'transaction', 'manual-clock'];
const OF_EITHER: readonly Capability[] = ['request-reply', 'event-log'];

export function compose({ queues, topics }: Parts): Driver {
  const system =
    queues.system === topics.system ? queues.system : `${queues.system}, ${topics.system}`;
  return {
    engine: `${queues.engine} with ${topics.engine}`,
    system,
    capabilities: capabilitiesOf(queues, topics),
    clock: queues.clock ?? topics.clock,
    queues: queues.queues,
    topics: topics.topics,
    requests: queues.requests ?? topics.requests,
    eventLog: queues.eventLog ?? topics.eventLog,
    async close() {
      const closed = await Promise.allSettled([queues.close(), topics.close()]);
      const failed = closed.find((each) => each.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}

function capabilitiesOf(queues: Driver, topics: Driver): Capabilities {
  const all = Object.entries(queues.capabilities).map(([name, ofQueues]) => {
    const capability = name as Capability;
    const ofTopics = topics.capabilities[capability];
    if (OF_TOPICS.includes(capability)) return [name, ofTopics];
    if (OF_BOTH.includes(capability)) return [name, false];
    if (OF_EITHER.includes(capability)) return [name, ofQueues === false ? ofTopics : ofQueues];
    return [name, ofQueues];
  });
  return Object.fromEntries(all) as Capabilities;
}
