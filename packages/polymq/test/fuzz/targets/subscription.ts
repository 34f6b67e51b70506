import { subscribedTopics } from '../../../src/protocols/kafka/consumer-subscription.ts';
import type { FuzzTarget } from '../target.ts';

/** The metadata with which a consumer joins a group: whatever it holds, nothing is thrown. */
export function subscription(): FuzzTarget {
  const topics = Buffer.from('\u0000\u0006orders\u0000\u0001a');
  return {
    name: 'subscription',
    seeds: () => [Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 2]), topics, Buffer.alloc(4)])],
    run: (input) => {
      subscribedTopics('consumer', input);
    },
    allows: () => false,
    memoryBytesMax: 0,
  };
}
