/** Ten thousand queues, a message in each, and a listing of them all. */
import { temporaryFolder } from '../support/temporary-folder.ts';
import { cpuSeconds, memoryMib, pause, say } from './figures.ts';
import type { LargeOptions } from './parts.ts';
import { connect, startBroker, urlOf } from './sqs-broker.ts';

const QUEUES = 10_000;
const CONNECTIONS = 16;
const MEMORY_MIB_MAX = 300;
const CPU_PERCENT_MAX = 1;
const SETTLE_MS = 3000;
const IDLE_SECONDS = 5;
const PAGE = 1000;
const START_MS_MAX = 5000;

export async function many(options: LargeOptions): Promise<string[]> {
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  let broker = await startBroker(folder.path, options);
  const emptyMib = memoryMib(broker.pid);
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(broker)));
  const each = async (work: (client: (typeof clients)[0], i: number) => Promise<unknown>) => {
    const began = performance.now();
    await Promise.all(
      clients.map(async (client, k) => {
        for (let i = k; i < QUEUES; i += CONNECTIONS) await work(client, i);
      }),
    );
    return performance.now() - began;
  };
  const createMs = await each((client, i) => client.sqs('CreateQueue', { QueueName: nameOf(i) }));
  const sendMs = await each((client, i) =>
    client.sqs('SendMessage', { QueueUrl: urlOf(broker, nameOf(i)), MessageBody: nameOf(i) }),
  );
  for (const client of clients) client.destroy();
  await pause(SETTLE_MS);
  const cpuBefore = cpuSeconds(broker.pid);
  await pause(IDLE_SECONDS * 1000);
  const percent = (100 * (cpuSeconds(broker.pid) - cpuBefore)) / IDLE_SECONDS;
  const mib = memoryMib(broker.pid);
  say(
    `created ${QUEUES} queues in ${createMs.toFixed(0)} ms, a message to each in ${sendMs.toFixed(0)} ms; ` +
      `${mib.toFixed(0)} MiB (${emptyMib.toFixed(0)} empty), ${percent.toFixed(2)} % CPU over ${IDLE_SECONDS} s`,
  );
  const problems: string[] = [];
  if (mib > MEMORY_MIB_MAX) problems.push(`${mib.toFixed(0)} MiB`);
  if (percent > CPU_PERCENT_MAX) problems.push(`${percent.toFixed(2)} % CPU when idle`);

  await broker.kill9();
  broker = await startBroker(folder.path, options);
  say(`started again after kill -9 in ${broker.startMs.toFixed(0)} ms`);
  if (broker.startMs > START_MS_MAX) {
    problems.push(`a start took ${broker.startMs.toFixed(0)} ms`);
  }
  const listed = await listAll(broker);
  if (listed !== QUEUES) problems.push(`${listed} queues are listed`);
  problems.push(...(await receiveSome(broker)));
  await broker.stop(60_000);
  folder.remove();
  return problems;
}

async function listAll(broker: Parameters<typeof connect>[0]): Promise<number> {
  const client = await connect(broker);
  const began = performance.now();
  let count = 0;
  let token: string | undefined;
  do {
    const page: { QueueUrls?: string[]; NextToken?: string } = await client.sqs('ListQueues', {
      MaxResults: PAGE,
      ...(token === undefined ? {} : { NextToken: token }),
    });
    count += page.QueueUrls?.length ?? 0;
    token = page.NextToken;
  } while (token !== undefined);
  say(`listed ${count} queues in ${(performance.now() - began).toFixed(0)} ms`);
  client.destroy();
  return count;
}

async function receiveSome(broker: Parameters<typeof connect>[0]): Promise<string[]> {
  const client = await connect(broker);
  const problems: string[] = [];
  for (let i = 0; i < QUEUES; i += PAGE) {
    const { Messages } = await client.sqs<{ Messages?: { Body: string }[] }>('ReceiveMessage', {
      QueueUrl: urlOf(broker, nameOf(i)),
    });
    const body = Messages?.[0]?.Body;
    if (body !== nameOf(i)) problems.push(`${nameOf(i)} gave ${body}`);
  }
  client.destroy();
  return problems;
}

function nameOf(i: number): string {
  return `queue-${i}`;
}
