import type { Driver } from '../../src/driver/driver.ts';

/** For engines in this process: several clients on one driver, which outlives each of them. */
export function sharedDriver(driver: Driver): Driver {
  const { engine, system, capabilities, clock, queues, topics, requests, eventLog } = driver;
  const shared = { engine, system, capabilities, clock, queues, topics, requests, eventLog };
  return { ...driver, ...shared, close: () => Promise.resolve() };
}
