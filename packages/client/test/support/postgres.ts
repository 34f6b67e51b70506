/**
 * PostgreSQL for tests: the server that `TEST_POSTGRES` names (a URL; a database is made in it and dropped), or a cluster of
 * its own from Debian's package, in a temporary folder, on a Unix socket, as the user postgres if this process is root.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import pg from 'pg';
import { startChild } from '../../../polymq/test/support/child.ts';
import { temporaryFolder } from '../../../polymq/test/support/temporary-folder.ts';

export interface TestPostgres {
  /** A pool on a database of its own. Ended by `stop`. */
  readonly pool: pg.Pool;
  /** Another one, for another process or more connections. Ended by `stop`. */
  newPool(max?: number): pg.Pool;
  stop(): Promise<void>;
}

const VERSIONS = '/usr/lib/postgresql';

/** Why PostgreSQL cannot be had here, or `undefined` if it can. */
export function postgresMissing(): string | undefined {
  if (process.env['TEST_POSTGRES'] !== undefined || programs() !== undefined) return undefined;
  return 'PostgreSQL is not installed: apt-get install --no-install-recommends postgresql, or set TEST_POSTGRES=postgres://user:password@host/database';
}

/** `durable`: with fsync, for measurements. Tests do without: no test cuts the power. */
export async function startPostgres(options: { durable?: boolean } = {}): Promise<TestPostgres> {
  const url = process.env['TEST_POSTGRES'];
  return url === undefined ? startCluster(options.durable ?? false) : inServer(url);
}

async function startCluster(durable: boolean): Promise<TestPostgres> {
  const bin = programs();
  if (bin === undefined) throw new Error(postgresMissing());
  const folder = temporaryFolder('polymq-postgres-');
  const asUser = isRoot()
    ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups']
    : [];
  if (isRoot()) chownSync(folder.path, idOf('-u'), idOf('-g'));
  const data = `${folder.path}/data`;
  const initdb = [...asUser, `${bin}/initdb`, '-D', data, '-U', 'postgres', '-A', 'trust', '-N'];
  const made = run([...initdb, '-E', 'UTF8', '--locale=C']);
  if (made.status !== 0) throw new Error(`initdb failed:\n${made.stdout}${made.stderr}`);
  const settings = { listen_addresses: '', max_connections: '60', fsync: durable ? 'on' : 'off' };
  const server = [...asUser, `${bin}/postgres`, '-D', data, '-k', folder.path];
  for (const [name, value] of Object.entries(settings)) server.push('-c', `${name}=${value}`);
  const child = startChild({ name: 'postgres', command: server[0]!, args: server.slice(1) });
  await child.waitForLine(/ready to accept connections/, 30_000);
  const connection = { host: folder.path, user: 'postgres', database: 'postgres' };
  return withPools(connection, async () => {
    // Fast shutdown; SIGTERM would wait for connections.
    child.signal('SIGINT');
    await child.exited;
    folder.remove();
  });
}

async function inServer(url: string): Promise<TestPostgres> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const database = `polymq_test_${process.pid}_${Date.now()}`;
  await admin.query(`create database ${database}`);
  const connectionString = Object.assign(new URL(url), { pathname: `/${database}` }).href;
  return withPools({ connectionString }, async () => {
    await admin.query(`drop database ${database} with (force)`);
    await admin.end();
  });
}

function withPools(connection: pg.PoolConfig, end: () => Promise<void>): TestPostgres {
  const pools: pg.Pool[] = [];
  const newPool = (max = 10): pg.Pool => {
    const pool = new pg.Pool({ ...connection, max });
    // A connection that is idle when the server stops is no failure of a test.
    pool.on('error', () => {});
    pools.push(pool);
    return pool;
  };
  return {
    pool: newPool(),
    newPool,
    stop: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
      await end();
    },
  };
}

/** Of the newest version there is. */
function programs(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  if (isRoot() && run(['id', '-u', 'postgres']).status !== 0) return undefined;
  const versions = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a));
  return versions.map((v) => `${VERSIONS}/${v}/bin`).find((bin) => existsSync(`${bin}/initdb`));
}

function isRoot(): boolean {
  return userInfo().uid === 0;
}

function idOf(flag: '-u' | '-g'): number {
  return Number(run(['id', flag, 'postgres']).stdout);
}

function run([command = '', ...args]: readonly string[]): ReturnType<typeof spawnSync> {
  return spawnSync(command, args, { encoding: 'utf8' });
}
