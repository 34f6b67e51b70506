/** Five thousand connections that each wait in a long poll. */
import { measureIdle } from '../../../../bench/sqs/idle.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { say } from './figures.ts';
import type { LargeOptions } from './parts.ts';
import { Bulk, connect, startBroker, targetOf } from './sqs-broker.ts';

const POLLS = 5000;
const IDLE_SECONDS = 8;
const GROWTH_MIB_MAX = 100;
const CPU_PERCENT_MAX = 1;
const WARM_UP_MESSAGES = 50_000;

export async function polls(options: LargeOptions): Promise<string[]> {
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  const broker = await startBroker(folder.path, options);
  const client = await connect(broker);
  await client.sqs('CreateQueue', { QueueName: 'warm-up' });
  client.destroy();
  const bulk = new Bulk('warm-up');
  await bulk.send(broker, WARM_UP_MESSAGES);
  await bulk.receiveAll(broker);
  const idle = await measureIdle(targetOf(broker), POLLS, IDLE_SECONDS);
  say(
    `${POLLS} long polls, opened in ${idle.openMs.toFixed(0)} ms: ${idle.rssBeforeMib.toFixed(0)} MiB before, ` +
      `${idle.growthMib.toFixed(1)} MiB more (${idle.kibPerPoll.toFixed(1)} KiB each), ${idle.brokerCpuPercent.toFixed(2)} % CPU`,
  );
  await broker.stop(60_000);
  folder.remove();
  const problems: string[] = [];
  if (idle.growthMib > GROWTH_MIB_MAX) problems.push(`${idle.growthMib.toFixed(0)} MiB more`);
  if (idle.brokerCpuPercent > CPU_PERCENT_MAX) {
    problems.push(`${idle.brokerCpuPercent.toFixed(2)} % CPU when idle`);
  }
  return problems;
}
