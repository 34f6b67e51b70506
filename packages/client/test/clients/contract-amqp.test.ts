/** The contract of drivers on RabbitMQ, which `npm test` installs from Debian's packages. */
import { open } from '../../src/drivers/amqp/index.ts';
import { driverContract } from '../contract/driver-contract.ts';
import { rabbitmqMissing, startRabbitmqEngine } from '../support/engines.ts';
import { foreignAmqp } from '../support/foreign-programs.ts';
import { openClient } from '../support/open-client.ts';

await driverContract({
  name: 'amqp (RabbitMQ)',
  missing: rabbitmqMissing(),
  delayMsStep: 200,
  async start() {
    const rabbitmq = await startRabbitmqEngine();
    const url = `amqp://guest:guest@127.0.0.1:${rabbitmq.port('amqp')}`;
    return {
      connect: () => openClient(open, url),
      restart: () => rabbitmq.restart(),
      stop: () => rabbitmq.stop(),
      ...foreignAmqp(url),
    };
  },
});
