/** `npm run bench -- <protocol> [options]`: one folder per protocol. */
import { benchAmqp } from './amqp/main.ts';
import { benchJobs } from './jobs/main.ts';
import { benchKafka } from './kafka/main.ts';
import { benchMqtt } from './mqtt/main.ts';
import { benchRedis } from './redis/main.ts';
import { benchSdk } from './sdk/main.ts';
import { benchSqs } from './sqs/main.ts';
import { benchStomp } from './stomp/main.ts';

const BENCHES: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  amqp: benchAmqp,
  jobs: benchJobs,
  kafka: benchKafka,
  mqtt: benchMqtt,
  redis: benchRedis,
  sdk: benchSdk,
  sqs: benchSqs,
  stomp: benchStomp,
};

async function main(): Promise<number> {
  const [protocol = '', ...args] = process.argv.slice(2);
  const bench = BENCHES[protocol];
  if (!bench) {
    const known = Object.keys(BENCHES).join(', ');
    process.stderr.write(
      `usage: npm run bench -- PROTOCOL [options]; PROTOCOL is one of: ${known}\n`,
    );
    return 2;
  }
  return bench(args);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
