/** Ten thousand durable queues and a thousand connections that do nothing. */
import { AmqpWire } from '../support/amqp-wire.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { connect, startBroker } from './amqp-broker.ts';
import { cpuSeconds, memoryMib, pause, say } from './figures.ts';
import type { LargeOptions } from './parts.ts';

const QUEUES = 10_000;
const QUEUES_AT_ONCE = 200;
const CONNECTIONS = 1000;
const CONNECTIONS_AT_ONCE = 50;
const HEARTBEAT_SECONDS = 60;
const SETTLE_MS = 5000;
const IDLE_SECONDS = 10;
const MEMORY_MIB_MAX = 300;
const CPU_PERCENT_MAX = 1;

export async function many(options: LargeOptions): Promise<string[]> {
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  const broker = await startBroker(folder.path, options);
  const emptyMib = memoryMib(broker.pid);
  const channel = await connect(broker);
  const declaring = performance.now();
  for (let i = 0; i < QUEUES; i += QUEUES_AT_ONCE) {
    const names = Array.from({ length: QUEUES_AT_ONCE }, (_, k) => `queue-${i + k}`);
    await Promise.all(names.map((name) => channel.declareQueue(name, { durable: true })));
  }
  say(`declared ${QUEUES} queues in ${(performance.now() - declaring).toFixed(0)} ms`);
  const wires = [channel.wire];
  while (wires.length < CONNECTIONS) {
    const some = Math.min(CONNECTIONS_AT_ONCE, CONNECTIONS - wires.length);
    wires.push(
      ...(await Promise.all(Array.from({ length: some }, () => idle(broker.port('amqp'))))),
    );
  }
  await pause(SETTLE_MS);
  const cpuBefore = cpuSeconds(broker.pid);
  await pause(IDLE_SECONDS * 1000);
  const percent = (100 * (cpuSeconds(broker.pid) - cpuBefore)) / IDLE_SECONDS;
  const mib = memoryMib(broker.pid);
  say(
    `${QUEUES} queues, ${wires.length} connections: ${mib.toFixed(0)} MiB (${emptyMib.toFixed(0)} empty), ${percent.toFixed(2)} % CPU over ${IDLE_SECONDS} s`,
  );
  const problems: string[] = [];
  if (mib > MEMORY_MIB_MAX) problems.push(`${mib.toFixed(0)} MiB`);
  if (percent > CPU_PERCENT_MAX) problems.push(`${percent.toFixed(2)} % CPU when idle`);
  const cut = wires.filter((wire) => wire.closed);
  if (cut.length > 0) problems.push(`${cut.length} connections were cut: ${cut[0]!.closed}`);
  for (const wire of wires) wire.destroy();
  await broker.stop(60_000);
  const again = await startBroker(folder.path, options);
  say(`started again with them in ${again.startMs.toFixed(0)} ms`);
  await again.stop(60_000);
  folder.remove();
  return problems;
}

async function idle(port: number): Promise<AmqpWire> {
  const wire = await AmqpWire.connect({ port, heartbeat: HEARTBEAT_SECONDS, readBytes: 4096 });
  await wire.openChannel();
  return wire;
}
