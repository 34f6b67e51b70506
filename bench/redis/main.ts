/** `npm run bench -- redis`: Redis Pub/Sub, beside redis-server. */
import { redisMissing } from '../../packages/polymq/test/support/redis-server.ts';
import { type LiveBench, runLiveBench } from '../lib/live/bench.ts';
import type { LiveShape } from '../lib/live/load.ts';
import { describeShape } from '../lib/live/report.ts';
import { startServer } from '../lib/live/server-process.ts';
import { redisDialect } from './dialect.ts';
import { SCENARIOS } from './scenarios.ts';

const REDIS_SERVER = '/usr/bin/redis-server';

const BENCH: LiveBench<LiveShape> = {
  name: 'redis',
  scenarios: SCENARIOS,
  warmUps: ['fanout-1', 'fanout-10'],
  dialect: redisDialect,
  describe: describeShape,
  peer: {
    name: 'redis',
    doc: 'redis-server (Debian package)',
    defaultPort: 6379,
    missing: redisMissing,
    start: () =>
      startServer({
        name: 'redis',
        command: REDIS_SERVER,
        remark: 'Debian package, its defaults, nothing saved',
        version: { args: ['--version'], pattern: /v=(\S+)/ },
        args: (port, folder) => [
          ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
          ...['--save', '', '--appendonly', 'no'],
        ],
      }),
  },
  nullUrl: new URL('./null-server.ts', import.meta.url).href,
  nullKnows: () => true,
};

export function benchRedis(args: string[]): Promise<number> {
  return runLiveBench(BENCH, args);
}
