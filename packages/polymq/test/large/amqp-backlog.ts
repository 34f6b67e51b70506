/**
 * Ten million messages in one durable queue.
 *
 *   fill ─► memory, rate of the last tenth ─► clean stop ─► start ─► more ─► kill -9 ─► start ─► take all, in order
 */
import type { Polymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { connect, consumeAll, messageCount, publishAll, startBroker } from './amqp-broker.ts';
import { folderBytes, memoryMib, memoryPeakMib, pause, say } from './figures.ts';
import type { LargeOptions } from './parts.ts';

const BODY_BYTES = 100;
const WINDOW = 2000;
const MEMORY_BYTES_PER_MESSAGE_MAX = 100;
const LAST_TENTH_RATE_MIN = 0.8;
const START_MS_MAX = 10_000;
const WARM_UP_MESSAGES = 200_000;
/** Published just before the kill, so that the last snapshot of the queue is not the last word. */
const MORE_SHARE = 0.01;
const QUEUE = 'large';

export async function backlog(options: LargeOptions): Promise<string[]> {
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  const problems: string[] = [];
  const { messages } = options;

  let broker = await startBroker(folder.path, options);
  const emptyMib = memoryMib(broker.pid);
  say(`empty: ${emptyMib.toFixed(0)} MiB resident`);
  await warmUp(broker);
  const warmMib = memoryMib(broker.pid);
  problems.push(...(await fill(broker, messages)));
  await pause(1000);
  const fullMib = memoryMib(broker.pid);
  const perMessage = ((fullMib - emptyMib) * 2 ** 20) / messages;
  say(
    `memory: ${fullMib.toFixed(0)} MiB, ${perMessage.toFixed(1)} bytes a message more than empty ` +
      `(${(((fullMib - warmMib) * 2 ** 20) / messages).toFixed(1)} more than warmed up), peak ${memoryPeakMib(broker.pid).toFixed(0)} MiB; ` +
      `data ${(folderBytes(folder.path) / 2 ** 30).toFixed(2)} GiB`,
  );
  if (perMessage > MEMORY_BYTES_PER_MESSAGE_MAX) {
    problems.push(`${perMessage.toFixed(1)} bytes of memory a message`);
  }

  const stopping = performance.now();
  const exit = await broker.stop(120_000);
  if (exit.code !== 0) problems.push(`a clean stop ended with ${JSON.stringify(exit)}`);
  say(`stopped in ${(performance.now() - stopping).toFixed(0)} ms`);
  broker = await startBroker(folder.path, options);
  problems.push(...(await started(broker, 'a clean stop', messages)));

  const more = Math.ceil(messages * MORE_SHARE);
  await publishMore(broker, more, messages);
  await broker.kill9();
  broker = await startBroker(folder.path, options);
  problems.push(...(await started(broker, 'kill -9', messages + more)));

  const draining = performance.now();
  await consumeAll(broker, { queue: QUEUE, messages: messages + more, bodyBytes: BODY_BYTES });
  const seconds = (performance.now() - draining) / 1000;
  say(`drained in order at ${Math.round((messages + more) / seconds)} messages/s`);
  const left = await messageCount(broker, QUEUE);
  if (left !== 0) problems.push(`${left} messages are left`);
  say(`after draining: ${memoryMib(broker.pid).toFixed(0)} MiB resident`);
  await broker.stop(60_000);
  folder.remove();
  return problems;
}

async function warmUp(broker: Polymq): Promise<void> {
  const channel = await connect(broker);
  const queue = 'warm-up';
  await channel.declareQueue(queue, { durable: true });
  const messages = WARM_UP_MESSAGES;
  await publishAll(broker, {
    queue,
    messages,
    bodyBytes: BODY_BYTES,
    window: WINDOW,
    persistent: true,
  });
  await channel.call('queue.delete', { queue });
  await channel.declareQueue(QUEUE, { durable: true });
  await channel.wire.close();
}

async function fill(broker: Polymq, messages: number): Promise<string[]> {
  const tenth = messages / 10;
  const began = performance.now();
  /** When each tenth was confirmed, and how many were by then. */
  const marks: { atMs: number; confirmed: number }[] = [{ atMs: began, confirmed: 0 }];
  await publishAll(broker, {
    queue: QUEUE,
    messages,
    bodyBytes: BODY_BYTES,
    window: WINDOW,
    persistent: true,
    onProgress: (confirmed) => {
      if (confirmed >= marks.length * tenth) marks.push({ atMs: performance.now(), confirmed });
    },
  });
  const rate = (i: number) => {
    const [from, to] = [marks[i - 1]!, marks[i]!];
    return (1000 * (to.confirmed - from.confirmed)) / (to.atMs - from.atMs);
  };
  const rates = marks.slice(1).map((_, i) => Math.round(rate(i + 1)));
  const seconds = (performance.now() - began) / 1000;
  say(`published ${messages} at ${Math.round(messages / seconds)}/s; by tenths ${rates.join(' ')}`);
  const share = rates.at(-1)! / rates[0]!;
  say(`the last tenth at ${(100 * share).toFixed(0)} % of the first`);
  return share >= LAST_TENTH_RATE_MIN
    ? []
    : [`the last tenth was published at ${(100 * share).toFixed(0)} % of the rate of the first`];
}

async function publishMore(broker: Polymq, messages: number, numbersFrom: number): Promise<void> {
  await publishAll(broker, {
    queue: QUEUE,
    messages,
    bodyBytes: BODY_BYTES,
    window: WINDOW,
    persistent: true,
    numbersFrom,
  });
}

async function started(broker: Polymq, after: string, expected: number): Promise<string[]> {
  const ms = broker.startMs;
  const count = await messageCount(broker, QUEUE);
  say(
    `after ${after}: started in ${ms.toFixed(0)} ms, ${memoryMib(broker.pid).toFixed(0)} MiB resident, ${count} messages`,
  );
  const problems: string[] = [];
  if (ms > START_MS_MAX) problems.push(`a start after ${after} took ${ms.toFixed(0)} ms`);
  if (count !== expected) problems.push(`${count} messages after ${after}, not ${expected}`);
  return problems;
}
