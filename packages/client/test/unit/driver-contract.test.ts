/** The driver for unit tests keeps the contract of all drivers, so that what stands on it is tested against the truth. */
import { type Client, createClient } from '@polymq/client';
import { ManualClock } from '../../src/driver/testing/manual-clock.ts';
import { MemoryDriver } from '../../src/driver/testing/memory-driver.ts';
import { driverContract } from '../contract/driver-contract.ts';
import { sharedDriver } from '../contract/shared-driver.ts';

await driverContract({
  name: 'memory',
  leaseMsMin: 300,
  patienceMs: 5_000,
  async start() {
    const clock = new ManualClock(Date.now());
    const stopTime = passTime(clock);
    const driver = new MemoryDriver({ clock });
    return {
      connect: (): Promise<Client> => Promise.resolve(createClient(sharedDriver(driver))),
      async stop() {
        await driver.close();
        await stopTime();
      },
    };
  },
});

/** Lets the clock go as that of the machine does. */
function passTime(clock: ManualClock): () => Promise<void> {
  let running = true;
  const passed = (async () => {
    while (running) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      await clock.advance(Math.max(0, Date.now() - clock.nowMs()));
    }
  })();
  return () => {
    running = false;
    return passed;
  };
}
