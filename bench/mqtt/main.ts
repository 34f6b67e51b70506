/** `npm run bench -- mqtt`: MQTT 3.1.1, beside mosquitto. */
import { writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { mosquittoMissing } from '../../packages/polymq/test/support/mosquitto.ts';
import { type LiveBench, runLiveBench } from '../lib/live/bench.ts';
import { describeShape } from '../lib/live/report.ts';
import { startServer } from '../lib/live/server-process.ts';
import type { Target } from '../lib/targets.ts';
import { join, type MqttShape, mqttDialect } from './dialect.ts';
import { IDLE, SCENARIOS } from './scenarios.ts';

const MOSQUITTO = '/usr/sbin/mosquitto';

/** Its defaults would drop what is in flight here; the other lines are in its favour. */
const MOSQUITTO_CONFIG: Readonly<Record<string, string>> = {
  allow_anonymous: 'true',
  persistence: 'true',
  max_queued_messages: '0',
  max_inflight_messages: '0',
  set_tcp_nodelay: 'true',
  log_dest: 'none',
};

function startMosquitto(): Promise<Target> {
  return startServer({
    name: 'mosquitto',
    command: MOSQUITTO,
    remark: 'Debian package, persistence on, no limits of queued and in-flight messages',
    version: { args: ['-h'], pattern: /mosquitto version (\S+)/ },
    args: (port, folder) => {
      const config = {
        listener: `${port} 127.0.0.1`,
        persistence_location: `${folder}/`,
        ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
        ...MOSQUITTO_CONFIG,
      };
      const file = joinPath(folder, 'mosquitto.conf');
      const lines = Object.entries(config).map(([name, value]) => `${name} ${value}\n`);
      writeFileSync(file, lines.join(''));
      return ['-c', file];
    },
  });
}

const BENCH: LiveBench<MqttShape> = {
  name: 'mqtt',
  scenarios: SCENARIOS,
  warmUps: ['qos0', 'qos1', 'durable-qos1'],
  dialect: mqttDialect,
  describe: (shape) =>
    `QoS ${shape.qos}${shape.persistent ? ', durable sessions' : ''}, ${describeShape(shape)}`,
  peer: {
    name: 'mosquitto',
    doc: 'mosquitto (Debian package)',
    defaultPort: 1883,
    missing: mosquittoMissing,
    start: startMosquitto,
  },
  nullUrl: new URL('./null-server.ts', import.meta.url).href,
  nullKnows: ({ qos }) => qos < 2,
  idle: {
    scenario: IDLE,
    join: (wire, index) =>
      join(wire, `idle-${index}`, { clean: true, topic: `idle/${index}`, qos: 0 }),
  },
};

export function benchMqtt(args: string[]): Promise<number> {
  return runLiveBench(BENCH, args);
}
