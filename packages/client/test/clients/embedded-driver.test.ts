/** The contract of drivers, kept by the broker in the same process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embed } from 'polymq';
import { driverContract } from '../contract/driver-contract.ts';

await driverContract({
  name: 'embedded',
  clientsOutliveEngine: false,
  leaseMsMin: 200,
  async start() {
    const data = await mkdtemp(join(tmpdir(), 'polymq-embedded-'));
    return {
      // Clients of one directory share the broker, which stops with the last and starts with the next.
      connect: () => embed({ data }),
      restart: async () => undefined,
      stop: () => rm(data, { recursive: true, force: true }),
    };
  },
});
