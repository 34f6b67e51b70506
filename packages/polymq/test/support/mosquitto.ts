/**
 * mosquitto from Debian's package, as the peer that tests compare with: one process in a temporary folder, on loopback, away
 * from the system's service.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './apache-kafka.ts';
import { type ChildExit, startChild } from './child.ts';
import { temporaryFolder } from './temporary-folder.ts';

const SERVER = '/usr/sbin/mosquitto';

export interface Mosquitto {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The same over WebSocket. */
  readonly webSocketPort: number;
  stop(): Promise<ChildExit>;
}

export interface MosquittoOptions {
  /** Default: a free port. */
  port?: number | undefined;
  /** More lines of `mosquitto.conf`. */
  config?: Readonly<Record<string, string>> | undefined;
}

/** Why mosquitto cannot be run here, or `undefined` if it can. */
export function mosquittoMissing(): string | undefined {
  if (existsSync(SERVER)) return undefined;
  return 'mosquitto is not installed: apt-get install --no-install-recommends mosquitto';
}

/** Starts a broker that takes connections when the promise resolves. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const missing = mosquittoMissing();
  if (missing) throw new Error(missing);
  const folder = temporaryFolder('mosquitto-');
  const port = options.port ?? (await freePort());
  const webSocketPort = await freePort();
  const file = join(folder.path, 'mosquitto.conf');
  const lines = [
    'allow_anonymous true',
    // As root it would change to a user that cannot read the folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    `listener ${port} 127.0.0.1`,
    `listener ${webSocketPort} 127.0.0.1`,
    'protocol websockets',
    ...Object.entries(options.config ?? {}).map(([name, value]) => `${name} ${value}`),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = startChild({ name: 'mosquitto', command: SERVER, args: ['-c', file, '-v'] });
  await child.waitForLine(/mosquitto version \S+ running/, 20_000);
  const stop = async (): Promise<ChildExit> => {
    const exit = await child.stop();
    folder.remove();
    return exit;
  };
  return { host: '127.0.0.1', port, webSocketPort, stop };
}
