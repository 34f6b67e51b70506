/**
 * What a new user does: clone, one command, in a folder with a blank in its name. The clone is of the last commit;
 * npm's cache serves what it has.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startChild } from '../support/child.ts';
import { REPOSITORY_FOLDER } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const isClone = existsSync(join(REPOSITORY_FOLDER, '.git'));

it.skipIf(!isClone)('npm start serves from a fresh clone in a folder with a blank', async () => {
  const folder = temporaryFolder('polymq fresh clone ');
  const clone = join(folder.path, 'poly mq');
  const git = spawnSync('git', [
    'clone',
    '--quiet',
    '--depth=1',
    `file://${REPOSITORY_FOLDER}`,
    clone,
  ]);
  expect(git.stderr.toString()).toBe('');
  const child = startChild({
    name: 'npm start',
    command: process.execPath,
    args: [
      'scripts/start.mjs',
      '--listen',
      'kafka://127.0.0.1:0',
      '--listen',
      'http://127.0.0.1:0',
    ],
    cwd: clone,
    env: { npm_config_prefer_offline: 'true' },
  });
  await child.waitForLine(/^ready in \d+ ms$/, 110_000);
  expect(child.stderr).toContain('installing dependencies');
  expect(child.stderr).toContain('building');
  const port = /listening http:\/\/127\.0\.0\.1:(\d+)/.exec(child.stdout)?.[1];
  expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
  // The data lies in the clone, where `npm start` was typed.
  expect(existsSync(join(clone, 'data', 'format.json'))).toBe(true);
  expect(await child.stop()).toEqual({ code: 0, signal: null });

  // The second time there is nothing to install or to build.
  const again = startChild({
    name: 'npm start',
    command: process.execPath,
    args: ['scripts/start.mjs', '--data', 'memory:', '--listen', 'kafka://127.0.0.1:0'],
    cwd: clone,
  });
  await again.waitForLine(/^ready in \d+ ms$/, 30_000);
  expect(again.stderr).not.toMatch(/installing|building/);
  expect(await again.stop()).toEqual({ code: 0, signal: null });
  folder.remove();
});
