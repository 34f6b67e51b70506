import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfigFile } from '../../../src/server/config/config-file.ts';
import { ConfigError, resolveConfig } from '../../../src/server/config/resolve.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import type { FuzzTarget } from '../target.ts';

const JSON_FILE = JSON.stringify({
  data: './data',
  listen: ['kafka://127.0.0.1:9092', 'http://127.0.0.1:0'],
  durability: 'os',
  limits: { frameBytesMax: '32MiB', connectionsMax: 100, idleMs: '10m' },
  streams: { partitions: 3, autoCreate: false },
  groups: { sessionTimeoutMsMin: 6000 },
});

const YAML_FILE = `# a comment
data: ./data
listen:
  - kafka://127.0.0.1:9092
durability: fsync
limits: &limits
  frameBytesMax: 32MiB
  connectionsMax: 100
streams:
  partitions: 3
groups:
  <<: *limits
`;

/** Configuration files, as YAML and as JSON. The first byte of an input decides which. */
export function configFile(): FuzzTarget {
  const folder = temporaryFolder('polymq-fuzz-config-');
  const paths = [join(folder.path, 'polymq.yaml'), join(folder.path, 'polymq.json')] as const;
  return {
    name: 'config-file',
    seeds: () => [Buffer.from(`\u0000${YAML_FILE}`), Buffer.from(`\u0001${JSON_FILE}`)],
    run: async (input) => {
      const path = paths[(input[0] ?? 0) % 2]!;
      writeFileSync(path, input.subarray(1));
      resolveConfig({ tree: await readConfigFile(path), treeName: 'file' });
    },
    allows: (error) => error instanceof ConfigError,
    memoryBytesMax: 4 << 20,
    close: () => folder.remove(),
  };
}
