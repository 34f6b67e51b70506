/** `npm run build`: installs and compiles what is not there yet. */
import { build, installDependencies, requireNode } from './lib/install.mjs';
import { say } from './lib/process.mjs';

requireNode();
await installDependencies();
await build();
say('packages/client/dist and packages/polymq/dist are up to date');
