/**
 * Connections that each wait in a long poll: what they cost while nothing happens. That they all do wait is seen at
 * the end: one message to each queue comes back on exactly one connection.
 */
import { HttpWire } from '../../packages/polymq/test/support/http-wire.ts';
import { memoryOf } from '../lib/process-usage.ts';
import { pause } from '../lib/report.ts';
import { cpuOf, type Target } from '../lib/targets.ts';
import { receiveRequest } from './requests.ts';
import { connectTo, deleteTopology, makeTopology } from './topology.ts';

export interface IdleMeasurement {
  polls: number;
  rssBeforeMib: number;
  rssMib: number;
  growthMib: number;
  kibPerPoll: number;
  brokerCpuPercent: number;
  /** From the first connection to the last poll. */
  openMs: number;
}

const QUEUES = 10;
const AT_ONCE = 100;
const POLL_SECONDS = 20;
const READ_BYTES = 2048;
const WAKE_MS_MAX = 5000;
const SETTLE_SECONDS = 2;
/** The polls end 20 s after the first was sent, and opening takes a while too. */
const IDLE_SECONDS_MAX = 10;

export async function measureIdle(
  target: Target,
  polls: number,
  seconds: number,
): Promise<IdleMeasurement> {
  const client = await connectTo(target);
  const topology = await makeTopology(client, { queues: QUEUES, fifo: false, topic: false });
  const requests = topology.queueUrls.map((queueUrl) =>
    receiveRequest({ host: client.host, queueUrl }, 1, POLL_SECONDS),
  );
  const wires: HttpWire[] = [];
  const answers: string[] = [];
  try {
    const rssBeforeMib = rssOf(target);
    const began = performance.now();
    while (wires.length < polls) {
      const count = Math.min(AT_ONCE, polls - wires.length);
      const { host, port } = target;
      const some = Array.from({ length: count }, () =>
        HttpWire.connect({ host, port, readBytes: READ_BYTES }),
      );
      for (const wire of await Promise.all(some)) {
        wire.request(requests[wires.length % QUEUES]!, (status, bytes, start, end) => {
          answers.push(`${status} ${bytes.toString('utf8', start, end)}`);
        });
        wires.push(wire);
      }
    }
    const openMs = performance.now() - began;
    await pause(SETTLE_SECONDS);
    const cpuBefore = cpuOf(target);
    const idleSeconds = Math.min(seconds, IDLE_SECONDS_MAX);
    await pause(idleSeconds);
    const cpu = cpuOf(target) - cpuBefore;
    const rssMib = rssOf(target);
    const answered = answers.length;
    if (answered > 0) throw new Error(`${answered} polls ended early: ${answers[0]}`);
    const cut = wires.find((wire) => wire.closed);
    if (cut) throw new Error(`a waiting connection was closed: ${cut.closed}`);
    for (const QueueUrl of topology.queueUrls) {
      await client.sqs('SendMessage', { QueueUrl, MessageBody: 'wake up' });
    }
    await expectWoken(answers);
    return {
      polls,
      rssBeforeMib,
      rssMib,
      growthMib: rssMib - rssBeforeMib,
      kibPerPoll: ((rssMib - rssBeforeMib) * 1024) / polls,
      brokerCpuPercent: (100 * cpu) / idleSeconds,
      openMs,
    };
  } finally {
    for (const wire of wires) wire.destroy();
    await deleteTopology(client, topology);
    client.destroy();
  }
}

async function expectWoken(answers: readonly string[]): Promise<void> {
  const deadline = performance.now() + WAKE_MS_MAX;
  while (answers.length < QUEUES && performance.now() < deadline) await pause(0.01);
  await pause(0.1);
  const woken = answers.filter((answer) => answer.includes('wake up'));
  if (woken.length === QUEUES && answers.length === QUEUES) return;
  throw new Error(
    `${QUEUES} messages ended ${answers.length} polls, ${woken.length} of them with a message`,
  );
}

function rssOf(target: Target): number {
  if (target.pids.length === 0) return Number.NaN;
  return target.pids.reduce((sum, pid) => sum + memoryOf(pid).rssMib, 0);
}
