/** The contract of drivers on a PolyMQ server over the wire: AMQP, Kafka and HTTP. */
import { open } from '../../src/drivers/polymq/index.ts';
import { driverContract } from '../contract/driver-contract.ts';
import { startPolymqEngine } from '../support/engines.ts';
import { foreignAmqp } from '../support/foreign-programs.ts';
import { openClient } from '../support/open-client.ts';

await driverContract({
  name: 'polymq (over the wire)',
  delayMsStep: 200,
  async start() {
    const broker = await startPolymqEngine(['amqp', 'kafka', 'http']);
    const ports = ['amqp', 'kafka', 'http'].map((name) => `${name}=${broker.port(name)}`);
    const url = `polymq://guest:guest@127.0.0.1?${ports.join('&')}`;
    return {
      connect: () => openClient(open, url),
      restart: () => broker.restart(),
      kill: () => broker.kill!(),
      stop: () => broker.stop(),
      ...foreignAmqp(`amqp://guest:guest@127.0.0.1:${broker.port('amqp')}`),
    };
  },
});
