/**
 * A million messages in one queue.
 *
 *   fill ─► memory, rate of the last tenth ─► clean stop ─► start ─► more ─► kill -9 ─► start ─► receive and delete all
 */
import type { Polymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { folderBytes, memoryMib, memoryPeakMib, pause, say } from './figures.ts';
import type { LargeOptions } from './parts.ts';
import { Bulk, connect, countsOf, startBroker } from './sqs-broker.ts';

const QUEUE = 'large';
const WARM_UP_QUEUE = 'warm-up';
const WARM_UP_MESSAGES = 100_000;
/** In a queue of ten million it is below 100; with one million, what a broker has at all weighs more. */
const MEMORY_BYTES_PER_MESSAGE_MAX = 150;
const LAST_TENTH_RATE_MIN = 0.7;
const START_MS_MAX = 5000;
const MORE_SHARE = 0.01;

export async function backlog(options: LargeOptions): Promise<string[]> {
  const { messages } = options;
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  const problems: string[] = [];
  let broker = await startBroker(folder.path, options);
  await warmUp(broker);
  const warmMib = memoryMib(broker.pid);
  const bulk = new Bulk(QUEUE);
  problems.push(...(await fill(broker, bulk, messages)));
  await pause(1000);
  const fullMib = memoryMib(broker.pid);
  const perMessage = ((fullMib - warmMib) * 2 ** 20) / messages;
  say(
    `memory: ${fullMib.toFixed(0)} MiB, ${warmMib.toFixed(0)} warmed up and empty: ${perMessage.toFixed(1)} bytes a message, ` +
      `peak ${memoryPeakMib(broker.pid).toFixed(0)} MiB; data ${(folderBytes(folder.path) / 2 ** 20).toFixed(0)} MiB`,
  );
  if (perMessage > MEMORY_BYTES_PER_MESSAGE_MAX) {
    problems.push(`${perMessage.toFixed(1)} bytes of memory a message`);
  }
  const exit = await broker.stop(120_000);
  if (exit.code !== 0) problems.push(`a clean stop ended with ${JSON.stringify(exit)}`);
  broker = await startBroker(folder.path, options);
  problems.push(...(await started(broker, 'a clean stop', bulk)));

  await bulk.send(broker, messages * MORE_SHARE);
  await broker.kill9();
  broker = await startBroker(folder.path, options);
  problems.push(...(await started(broker, 'kill -9', bulk)));

  const draining = performance.now();
  await bulk.receiveAll(broker);
  const seconds = (performance.now() - draining) / 1000;
  const { received, sent } = bulk.ledger;
  say(`received and deleted ${received} at ${Math.round(received / seconds)} messages/s`);
  if (received !== sent) problems.push(`${received} of ${sent} messages came`);
  const { ready, inFlight } = await countsOf(broker, QUEUE);
  if (ready + inFlight > 0) problems.push(`${ready} messages are left, ${inFlight} in flight`);
  say(`after draining: ${memoryMib(broker.pid).toFixed(0)} MiB resident`);
  await broker.stop(60_000);
  folder.remove();
  return problems;
}

async function warmUp(broker: Polymq): Promise<void> {
  const client = await connect(broker);
  await client.sqs('CreateQueue', { QueueName: QUEUE });
  await client.sqs('CreateQueue', { QueueName: WARM_UP_QUEUE });
  client.destroy();
  const bulk = new Bulk(WARM_UP_QUEUE);
  await bulk.send(broker, WARM_UP_MESSAGES);
  await bulk.receiveAll(broker);
}

async function fill(broker: Polymq, bulk: Bulk, messages: number): Promise<string[]> {
  const began = performance.now();
  /** When each tenth was answered, and how many were by then. */
  const marks = [{ atMs: began, sent: 0 }];
  await bulk.send(broker, messages, () => {
    const { sent } = bulk.ledger;
    if (sent >= (marks.length * messages) / 10) marks.push({ atMs: performance.now(), sent });
  });
  const rates = marks.slice(1).map(({ atMs, sent }, i) => {
    const before = marks[i]!;
    return Math.round((1000 * (sent - before.sent)) / (atMs - before.atMs));
  });
  const seconds = (performance.now() - began) / 1000;
  say(`sent ${messages} at ${Math.round(messages / seconds)}/s; by tenths ${rates.join(' ')}`);
  const share = rates.at(-1)! / rates[0]!;
  return share >= LAST_TENTH_RATE_MIN
    ? []
    : [`the last tenth was sent at ${(100 * share).toFixed(0)} % of the rate of the first`];
}

async function started(broker: Polymq, after: string, bulk: Bulk): Promise<string[]> {
  const { ready } = await countsOf(broker, QUEUE);
  const { sent } = bulk.ledger;
  say(
    `after ${after}: started in ${broker.startMs.toFixed(0)} ms, ${memoryMib(broker.pid).toFixed(0)} MiB resident, ${ready} messages`,
  );
  const problems: string[] = [];
  if (broker.startMs > START_MS_MAX) {
    problems.push(`a start after ${after} took ${broker.startMs.toFixed(0)} ms`);
  }
  if (ready !== sent) problems.push(`${ready} messages after ${after}, not ${sent}`);
  return problems;
}
