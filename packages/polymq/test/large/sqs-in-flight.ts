/** 120,000 messages in flight, over a kill -9: they stay invisible, and their handles go on working. */
import { temporaryFolder } from '../support/temporary-folder.ts';
import { memoryMib, pause, say } from './figures.ts';
import type { LargeOptions } from './parts.ts';
import { Bulk, connect, countsOf, startBroker } from './sqs-broker.ts';

const QUEUE = 'in-flight';
const IN_FLIGHT = 120_000;
const MORE = 1600;
/** Beside what a waiting message takes: the end of its visibility, and how to find it again. */
const MEMORY_BYTES_PER_MESSAGE_MAX = 600;
/** Receives are logged, but not waited for. */
const LOGGED_MS = 500;

export async function inFlight(options: LargeOptions): Promise<string[]> {
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  let broker = await startBroker(folder.path, options);
  const client = await connect(broker);
  await client.sqs('CreateQueue', { QueueName: QUEUE });
  client.destroy();
  const problems: string[] = [];
  const bulk = new Bulk(QUEUE);
  await bulk.send(broker, IN_FLIGHT + MORE);
  await pause(1000);
  const beforeMib = memoryMib(broker.pid);
  const began = performance.now();
  const handles = await bulk.hold(broker, IN_FLIGHT);
  const seconds = (performance.now() - began) / 1000;
  await pause(LOGGED_MS);
  const mib = memoryMib(broker.pid);
  const perMessage = ((mib - beforeMib) * 2 ** 20) / handles.length;
  say(
    `${handles.length} in flight, received at ${Math.round(handles.length / seconds)}/s: ` +
      `${beforeMib.toFixed(0)} MiB before, ${mib.toFixed(0)} after, ${perMessage.toFixed(0)} bytes each`,
  );
  if (handles.length !== IN_FLIGHT) problems.push(`${handles.length} messages came`);
  if (perMessage > MEMORY_BYTES_PER_MESSAGE_MAX) {
    problems.push(`${perMessage.toFixed(0)} bytes of memory for a message in flight`);
  }
  const expected = { ready: bulk.ledger.sent - handles.length, inFlight: handles.length };
  for (const when of ['before', 'after'] as const) {
    if (when === 'after') {
      await broker.kill9();
      broker = await startBroker(folder.path, options);
      say(`started after kill -9 in ${broker.startMs.toFixed(0)} ms`);
    }
    const counts = await countsOf(broker, QUEUE);
    if (counts.inFlight === expected.inFlight && counts.ready === expected.ready) continue;
    problems.push(`${when} kill -9: ${JSON.stringify(counts)}, not ${JSON.stringify(expected)}`);
  }
  await bulk.deleteHeld(broker, handles);
  const left = await countsOf(broker, QUEUE);
  if (left.inFlight !== 0 || left.ready !== expected.ready) {
    problems.push(`after deleting all in flight: ${JSON.stringify(left)}`);
  } else say('the handles of all of them worked after kill -9');
  await broker.stop(60_000);
  folder.remove();
  return problems;
}
