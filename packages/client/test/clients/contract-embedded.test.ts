/** The contract of drivers on the embedded broker, which keeps its data on the disk. */
import { embed } from 'polymq';
import { temporaryFolder } from '../../../polymq/test/support/temporary-folder.ts';
import { driverContract } from '../contract/driver-contract.ts';

await driverContract({
  name: 'embedded',
  clientsOutliveEngine: false,
  leaseMsMin: 300,
  delayMsStep: 50,
  patienceMs: 15_000,
  async start() {
    const folder = temporaryFolder('embedded-contract-');
    const start = () => embed({ data: folder.path });
    let broker = await start();
    return {
      connect: () => broker.another(),
      async restart() {
        await broker.close();
        broker = await start();
      },
      async stop() {
        await broker.close();
        folder.remove();
      },
    };
  },
});
