/** Ten thousand MQTT connections with a subscription each that do nothing. */
import { Wire } from '../../../../bench/lib/live/wire.ts';
import { connectPacket, subscribePacket } from '../../../../bench/mqtt/packets.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { cpuSeconds, memoryMib, pause, say } from './figures.ts';
import { type LargeOptions, startLargeBroker } from './parts.ts';

const CONNECTIONS = 10_000;
const AT_ONCE = 100;
const SETTLE_MS = 5000;
const IDLE_SECONDS_MAX = 20;
const GROWTH_MIB_MAX = 250;
const CPU_PERCENT_MAX = 2;
const ARGS = ['--limits-connections-max', String(CONNECTIONS + 100)];

export async function idle(options: LargeOptions): Promise<string[]> {
  const folder = temporaryFolder('polymq-large-', options.dataRoot);
  const broker = await startLargeBroker('mqtt', folder.path, options, ARGS);
  const target = { host: '127.0.0.1', port: broker.port('mqtt') };
  const wires = [await subscriber(target, 0)];
  await pause(SETTLE_MS);
  const beforeMib = memoryMib(broker.pid);
  const opening = performance.now();
  while (wires.length < CONNECTIONS) {
    const from = wires.length;
    const some = Math.min(AT_ONCE, CONNECTIONS - from);
    const opened = Array.from({ length: some }, (_, i) => subscriber(target, from + i));
    wires.push(...(await Promise.all(opened)));
  }
  const openMs = performance.now() - opening;
  await pause(SETTLE_MS);
  const seconds = Math.min(options.seconds, IDLE_SECONDS_MAX);
  const cpuBefore = cpuSeconds(broker.pid);
  await pause(seconds * 1000);
  const percent = (100 * (cpuSeconds(broker.pid) - cpuBefore)) / seconds;
  const growthMib = memoryMib(broker.pid) - beforeMib;
  say(
    `${CONNECTIONS} MQTT connections, opened in ${openMs.toFixed(0)} ms: ${beforeMib.toFixed(0)} MiB before, ${growthMib.toFixed(0)} MiB more ` +
      `(${((growthMib * 1024) / CONNECTIONS).toFixed(1)} KiB each), ${percent.toFixed(2)} % CPU over ${seconds} s`,
  );
  const problems: string[] = [];
  if (growthMib > GROWTH_MIB_MAX) problems.push(`${growthMib.toFixed(0)} MiB more`);
  if (percent > CPU_PERCENT_MAX) problems.push(`${percent.toFixed(2)} % CPU when idle`);
  const cut = wires.filter((wire) => !wire.open).length;
  if (cut > 0) problems.push(`${cut} connections were cut`);
  for (const wire of wires) wire.destroy();
  const exit = await broker.stop(60_000);
  if (exit.code !== 0) problems.push(`a clean stop ended with ${JSON.stringify(exit)}`);
  folder.remove();
  return problems;
}

async function subscriber(target: { host: string; port: number }, index: number): Promise<Wire> {
  const wire = await Wire.connect(target);
  await wire.ask(connectPacket(`idle-${index}`, { clean: true }), (bytes) =>
    bytes.length < 4 ? 0 : 4,
  );
  const subscribe = subscribePacket(`devices/${index}/commands`, 0);
  const answer = await wire.ask(subscribe, (bytes) => (bytes.length < 5 ? 0 : 5));
  if (answer[4] !== 0) throw new Error(`SUBSCRIBE was answered ${answer.toString('hex')}`);
  return wire;
}
