/** A server from Debian's packages, started on a free port of loopback and ended by its id. */
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { freePort } from '../../../packages/polymq/test/support/apache-kafka.ts';
import { startChild } from '../../../packages/polymq/test/support/child.ts';
import { temporaryFolder } from '../../../packages/polymq/test/support/temporary-folder.ts';
import { pause } from '../report.ts';
import type { Target } from '../targets.ts';

export interface ServerProgram {
  /** How the tables call it. */
  name: string;
  command: string;
  /** Appended to what its version is. */
  remark: string;
  /** Finds the version in what `command` with these arguments prints. */
  version: { args: readonly string[]; pattern: RegExp };
  /** `folder` is empty and is removed in the end. */
  args(port: number, folder: string): readonly string[];
}

const READY_MS_MAX = 10_000;

export async function startServer(program: ServerProgram): Promise<Target> {
  const folder = temporaryFolder(`${program.name}-bench-`);
  const port = await freePort();
  const { name, command } = program;
  const child = startChild({ name, command, args: program.args(port, folder.path) });
  const stop = async () => {
    await child.stop();
    folder.remove();
  };
  const deadline = performance.now() + READY_MS_MAX;
  while (!(await accepts(port))) {
    if (child.running && performance.now() < deadline) await pause(0.05);
    else {
      await stop();
      throw new Error(`${name} does not listen:\n${child.stdout}${child.stderr}`);
    }
  }
  return {
    name,
    version: `${versionOf(program)} (${program.remark})`,
    host: '127.0.0.1',
    port,
    pids: [child.pid],
    stop,
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function versionOf({ command, version }: ServerProgram): string {
  // Mosquitto ends with an error after it has told its version.
  let text: string;
  try {
    text = execFileSync(command, [...version.args], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    text = String((error as { stdout?: string }).stdout ?? '');
  }
  return version.pattern.exec(text)?.[1] ?? 'unknown';
}
