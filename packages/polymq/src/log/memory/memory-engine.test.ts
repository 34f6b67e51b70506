import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { logEngineContract } from '../testing/contract.ts';
import { createMemoryEngine } from './memory-engine.ts';

logEngineContract({
  name: 'memory',
  create: async () => createMemoryEngine(createNodeEnvironment()),
  reopen: async (engine) => engine,
  supports: { persistence: false },
});
