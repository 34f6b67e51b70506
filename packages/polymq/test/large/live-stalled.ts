/**
 * A hundred subscribers that stop reading while 10 MB/s are published to them and to a few that read.
 *
 * The broker may keep for the stalled ones what their limits allow, and has to cut each of them when it is over; those
 * that read must hardly notice: their p99 stays within twice what it is without the others.
 */

import { Wire } from '../../../../bench/lib/live/wire.ts';
import { Latencies, type LatencySummary } from '../../../../bench/lib/statistics.ts';
import type { Polymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { memoryMib, pause, say } from './figures.ts';
import { type LiveClients, PacedPublisher, readLatencies } from './live-clients.ts';
import { type LargeOptions, startLargeBroker } from './parts.ts';

const STALLED = 100;
const HEALTHY = 5;
const PAYLOAD_BYTES = 10_000;
const PER_SECOND = 1000;
const ROOM_MIB = 64;
const WARM_UP_MS = 3000;
const SETTLE_MS = 2000;
const SAMPLE_MS = 100;
const LATENCY_FACTOR_MAX = 2;
/** Below this a p99 says more of the machine than of the broker. */
const P99_MS_FLOOR = 2;
const CUT_LINE = /(cut off|closed) an? \w+ (client|connection)/g;
const HOST = '127.0.0.1';

export async function stalled(clients: LiveClients, options: LargeOptions): Promise<string[]> {
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  const broker = await startLargeBroker(clients.scheme, folder.path, options, clients.args);
  const target = { host: HOST, port: broker.port(clients.scheme) };
  const latencies = new Latencies();
  const healthy: Wire[] = [];
  for (let i = 0; i < HEALTHY; i += 1) {
    healthy.push(await readLatencies(clients, target, i, latencies));
  }
  const publisher = await PacedPublisher.open(clients, target, {
    payloadBytes: PAYLOAD_BYTES,
    perSecond: PER_SECOND,
  });
  publisher.start();
  await pause(WARM_UP_MS);
  const baseline = await measured(latencies, options.seconds / 2);
  const memory = sampleMemory(broker);
  const sentBefore = publisher.sent;
  const measuring = measured(latencies, options.seconds);
  const wires = await stall(clients, target);
  const during = await measuring;
  const sent = publisher.sent - sentBefore;
  const { beforeMib, peakMib } = memory.stop();
  for (const wire of wires) wire.destroy();
  const after = await measured(latencies, options.seconds / 2);
  publisher.close();
  await pause(SETTLE_MS);
  const cutLines = `${broker.stdout}${broker.stderr}`.match(CUT_LINE)?.length ?? 0;
  const growthMib = peakMib - beforeMib;
  say(
    `${clients.name}: ${((sent * PAYLOAD_BYTES) / 1e6 / options.seconds).toFixed(1)} MB/s past ${STALLED} stalled subscribers: ${beforeMib.toFixed(0)} MiB before, ` +
      `${growthMib.toFixed(0)} more at the peak, ${memoryMib(broker.pid).toFixed(0)} now; ${cutLines} were cut`,
  );
  say(
    `  ${HEALTHY} that read: ${text(baseline)} before, ${text(during)} meanwhile, ${text(after)} after`,
  );
  const problems: string[] = [];
  const allowedMib = STALLED * clients.limitMib + clients.commonMib + ROOM_MIB;
  if (growthMib > allowedMib) problems.push(`${growthMib.toFixed(0)} MiB more, not ${allowedMib}`);
  if (cutLines < STALLED) problems.push(`${cutLines} of ${STALLED} stalled subscribers were cut`);
  // A machine that does other things too is not the same before and after.
  const undisturbed = Math.max(baseline.p99Ms, after.p99Ms, P99_MS_FLOOR);
  if (during.p99Ms > LATENCY_FACTOR_MAX * undisturbed) {
    problems.push(`p99 ${during.p99Ms.toFixed(1)} ms, without them ${undisturbed.toFixed(1)} ms`);
  }
  // The last few are on their way when the time is over.
  if (during.count < (sent - PER_SECOND) * HEALTHY) {
    problems.push(`${during.count} of ${sent * HEALTHY} messages came to those that read`);
  }
  if (healthy.some((wire) => !wire.open)) problems.push('one that reads was cut');
  for (const wire of healthy) wire.destroy();
  const exit = await broker.stop(60_000);
  if (exit.code !== 0) problems.push(`a clean stop ended with ${JSON.stringify(exit)}`);
  folder.remove();
  return problems;
}

async function stall(
  clients: LiveClients,
  target: { host: string; port: number },
): Promise<Wire[]> {
  const wires: Wire[] = [];
  for (let i = 0; wires.length < STALLED; i += 1) {
    const wire = await Wire.connect(target);
    await clients.subscribe(wire, HEALTHY + i);
    wire.socket.pause();
    // One that was sent much with the answer has given up already; it is none of those that stall.
    if (wire.open) wires.push(wire);
  }
  return wires;
}

async function measured(latencies: Latencies, seconds: number): Promise<LatencySummary> {
  latencies.clear();
  await pause(seconds * 1000);
  const summary = latencies.summary();
  latencies.clear();
  return summary;
}

function sampleMemory({ pid }: Polymq): { stop(): { beforeMib: number; peakMib: number } } {
  const beforeMib = memoryMib(pid);
  let peakMib = beforeMib;
  const timer = setInterval(() => {
    peakMib = Math.max(peakMib, memoryMib(pid));
  }, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return { beforeMib, peakMib };
    },
  };
}

function text({ p50Ms, p99Ms, maxMs }: LatencySummary): string {
  return `p50 ${p50Ms.toFixed(2)} p99 ${p99Ms.toFixed(2)} max ${maxMs.toFixed(0)} ms`;
}
