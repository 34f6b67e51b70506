/**
 * RabbitMQ from Debian's package, as the peer that tests and benchmarks compare with.
 *
 * A broker lives in a temporary folder (cookie, Mnesia, logs, configuration) with its own epmd, on
 * loopback, away from the system's service. Both are children of this process and end by their ids:
 *
 *   epmd -port A          (names Erlang nodes; RabbitMQ does not start without one)
 *   beam.smp              (the broker: AMQP on `port`, distribution on B)
 *     └─ erl_child_setup  (starts its short-lived helpers)
 *
 * `pid` is the beam's own id, so CPU accounting needs no other process. `rabbitmqMissing()` says in one
 * line what is not there, for the skip reason of a test.
 */
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './apache-kafka.ts';
import { type Child, type ChildExit, startChild } from './child.ts';
import { temporaryFolder } from './temporary-folder.ts';

const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';
const CONTROL = '/usr/lib/rabbitmq/bin/rabbitmqctl';
const READY = /Server startup complete/;

/** Plugins of Debian's package that somebody here has a use for. */
export type RabbitmqPlugin =
  | 'rabbitmq_consistent_hash_exchange'
  | 'rabbitmq_management'
  | 'rabbitmq_mqtt'
  | 'rabbitmq_random_exchange'
  | 'rabbitmq_stomp'
  | 'rabbitmq_web_stomp';

export interface RabbitmqOptions {
  /** Default: a free port. */
  port?: number | undefined;
  plugins?: readonly RabbitmqPlugin[] | undefined;
  /** Lines of `rabbitmq.conf` added to (or replacing) ours. */
  config?: Readonly<Record<string, string>> | undefined;
  /** More arguments for the Erlang machine, such as `+S 2:2`. */
  erlangArgs?: string | undefined;
  readyTimeoutMs?: number | undefined;
}

export interface Rabbitmq {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** `amqp://guest:guest@127.0.0.1:<port>`. */
  readonly url: string;
  /** The Erlang machine: all the CPU time of the broker is its. */
  readonly pid: number;
  readonly pids: readonly number[];
  /** Such as `3.10.8`. */
  readonly version: string;
  /** The folder with its data. */
  readonly folder: string;
  readonly output: string;
  readonly running: boolean;
  /** Runs `rabbitmqctl` against this broker and resolves with its output. */
  control(...args: readonly string[]): Promise<string>;
  /** SIGTERM, then SIGKILL; then epmd; then the folder is removed. */
  stop(): Promise<ChildExit>;
}

/** Why RabbitMQ cannot be run here, or `undefined` if it can. */
export function rabbitmqMissing(): string | undefined {
  if (existsSync(SERVER)) return undefined;
  return 'RabbitMQ is not installed: apt-get install --no-install-recommends rabbitmq-server';
}

/** Starts a broker that takes connections when the promise resolves. */
export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<Rabbitmq> {
  const missing = rabbitmqMissing();
  if (missing) throw new Error(missing);
  const folder = temporaryFolder('rabbitmq-');
  const port = options.port ?? (await freePort());
  const env = await environment(folder.path, port, options);
  const epmd = await startEpmd(env);
  const broker = startChild({ name: 'rabbitmq', command: SERVER, args: [], env });
  const stop = async (): Promise<ChildExit> => {
    const exit = await broker.stop(20_000);
    await epmd.stop(1000);
    folder.remove();
    return exit;
  };
  try {
    await broker.waitForLine(READY, options.readyTimeoutMs ?? 90_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    host: '127.0.0.1',
    port,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    pid: broker.pid,
    pids: [broker.pid],
    version: installedVersion(),
    folder: folder.path,
    get output() {
      return broker.stdout + broker.stderr;
    },
    get running() {
      return broker.running;
    },
    control: (...args) => control(env, args),
    stop,
  };
}

/** Everything that RabbitMQ's scripts would else take from `/etc/rabbitmq` and `/var/lib/rabbitmq`. */
async function environment(
  folder: string,
  port: number,
  options: RabbitmqOptions,
): Promise<Record<string, string>> {
  const path = (name: string) => join(folder, name);
  mkdirSync(path('home'));
  writeFileSync(path('empty.conf'), '');
  writeFileSync(path('enabled_plugins'), `[${(options.plugins ?? []).join(',')}].\n`);
  writeFileSync(path('rabbitmq.conf'), configuration(port, options.config ?? {}));
  return {
    HOME: path('home'),
    // The scripts then become the Erlang machine, whose id is the child's.
    RUNNING_UNDER_SYSTEMD: 'true',
    RABBITMQ_NODENAME: `polymq-${port}@localhost`,
    RABBITMQ_DIST_PORT: `${await freePort()}`,
    RABBITMQ_CONF_ENV_FILE: path('empty.conf'),
    RABBITMQ_CONFIG_FILE: path('rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: path('enabled_plugins'),
    RABBITMQ_MNESIA_BASE: path('mnesia'),
    RABBITMQ_LOG_BASE: path('log'),
    RABBITMQ_PID_FILE: path('pid'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: [
      '-kernel inet_dist_use_interface {127,0,0,1}',
      options.erlangArgs ?? '',
    ].join(' '),
    ERL_EPMD_PORT: `${await freePort()}`,
    ERL_EPMD_ADDRESS: '127.0.0.1',
  };
}

function configuration(port: number, more: Readonly<Record<string, string>>): string {
  const all: Record<string, string> = {
    'listeners.tcp.default': `127.0.0.1:${port}`,
    'log.console.level': 'info',
    // A full disk of the machine that runs the tests must not block publishers half-way.
    'disk_free_limit.absolute': '50MB',
    'management.tcp.ip': '127.0.0.1',
    ...more,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('');
}

/** In the foreground: one that RabbitMQ starts itself would stay behind as a daemon. */
async function startEpmd(env: Readonly<Record<string, string>>): Promise<Child> {
  const args = ['-d', '-d', '-address', '127.0.0.1', '-port', env['ERL_EPMD_PORT']!];
  const epmd = startChild({ name: 'epmd', command: 'epmd', args, env });
  await epmd.waitForLine(/entering the main select\(\) loop/, 10_000);
  return epmd;
}

async function control(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<string> {
  const child = startChild({ name: 'rabbitmqctl', command: CONTROL, args: ['-q', ...args], env });
  const exit = await child.exited;
  if (exit.code !== 0) {
    throw new Error(`rabbitmqctl ${args.join(' ')}:\n${child.stdout}${child.stderr}`);
  }
  return child.stdout;
}

/** The scripts are links into a folder named after the version. */
function installedVersion(): string {
  return /rabbitmq_server-([\d.]+)/.exec(realpathSync(SERVER))?.[1] ?? 'unknown';
}
