/** A whole broker in memory, with a network and a clock that tests hold in their hands. */
import { type RunningBroker, startBroker } from '../../../../src/index.ts';
import { SeededRandom } from '../../../../src/lib/environment/simulated/seeded-random.ts';
import { SimulatedClock } from '../../../../src/lib/environment/simulated/simulated-clock.ts';
import { SimulatedDisk } from '../../../../src/lib/environment/simulated/simulated-disk.ts';
import { SimulatedOutbound } from '../../../../src/lib/environment/simulated/simulated-outbound.ts';
import type { BrokerOptions } from '../../../../src/server/broker.ts';
import { FakeNetwork } from './fake-network.ts';

/** Turns of the event loop without anything new, after which nothing is expected to come. */
const QUIET_TURNS = 12;

export interface MemoryBroker {
  clock: SimulatedClock;
  network: FakeNetwork;
  broker: RunningBroker;
  /** Lets everything that is under way come to its end; `busy` says whether something new was seen. */
  settle(busy: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

export async function startMemoryBroker(
  amqp: NonNullable<BrokerOptions['amqp']> = {},
): Promise<MemoryBroker> {
  const clock = new SimulatedClock();
  const network = new FakeNetwork();
  const random = new SeededRandom(1);
  const disk = new SimulatedDisk().attach();
  const outbound = new SimulatedOutbound();
  const environment = { clock, timers: clock, random, disk, network, outbound };
  const broker = await startBroker({
    data: 'memory:',
    listen: ['amqp://127.0.0.1:0'],
    environment,
    amqp,
  });
  return {
    clock,
    network,
    broker,
    settle: async (busy) => {
      for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        if (busy()) quiet = 0;
      }
    },
    stop: async () => {
      const stopped = broker.stop(0);
      clock.advance(60_000);
      await stopped;
    },
  };
}
