import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

/**
 * The packages of this repository find each other's sources, not what was built last. Without Vite's `module`: it stands for
 * builds for bundlers, which Node cannot always load (those of @aws-sdk).
 */
const conditions = ['@polymq/source', ...defaultServerConditions.filter((c) => c !== 'module')];
const resolve = { conditions };
const ssr = { resolve: { conditions, externalConditions: conditions } };

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: [
            'packages/*/src/**/*.test.ts',
            'packages/*/test/{unit,checker,fuzz}/**/*.test.ts',
            'scripts/**/*.test.ts',
            'bench/**/*.test.ts',
          ],
          pool: 'threads',
          isolate: false,
          testTimeout: 60_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'clients',
          include: ['packages/*/test/{clients,program}/**/*.test.ts', 'examples/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
