import type { Driver, QueueDriver } from '../../src/driver/driver.ts';
import type { Delivery } from '../../src/message/wire-message.ts';

/** For engines in this process: several clients on one driver, which outlives each of them. */
export function sharedDriver(driver: Driver): Driver {
  const { engine, system, capabilities, clock, topics, requests, eventLog } = driver;
  const shared = { engine, system, capabilities, clock, topics, requests, eventLog };
  const { queues, giveBack } = givingBack(driver.queues!);
  return { ...driver, ...shared, queues, close: giveBack };
}

/** What was received through it and not settled goes back, as when a connection ends. */
function givingBack(queues: QueueDriver): { queues: QueueDriver; giveBack(): Promise<void> } {
  const received: Delivery[] = [];
  const receive: QueueDriver['receive'] = async (queue, request) => {
    const deliveries = await queues.receive(queue, request);
    received.push(...deliveries);
    return deliveries;
  };
  const own = new Proxy(queues, {
    get(target, name) {
      if (name === 'receive') return receive;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  // Those that were settled are refused.
  const giveBack = async (): Promise<void> => {
    await Promise.allSettled(received.splice(0).map(async (each) => queues.release(each, 0)));
  };
  return { queues: own, giveBack };
}
