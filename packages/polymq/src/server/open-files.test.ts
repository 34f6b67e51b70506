import { describe, expect, it } from 'vitest';
import { type Logger, silentLogger } from '../lib/logger.ts';
import { connectionsPossible } from './open-files.ts';

const TABLE = (openFiles: string) =>
  `Limit                     Soft Limit           Hard Limit           Units
Max processes             31655                31655                processes
Max open files            ${openFiles}                4096                 files
`;

async function possible(content: string | undefined): Promise<{ count: number; warned: boolean }> {
  let warned = false;
  const logger: Logger = {
    ...silentLogger,
    warn: () => {
      warned = true;
    },
  };
  const disk = {
    readFile: async () => (content === undefined ? undefined : Buffer.from(content)),
  };
  return { count: await connectionsPossible(10_000, disk, logger), warned };
}

describe('connectionsPossible', () => {
  it('leaves a fifth of the open files for everything else, and says so', async () => {
    expect(await possible(TABLE('1024'))).toEqual({ count: 819, warned: true });
  });

  it.each([[TABLE('65536')], [TABLE('unlimited')], [undefined], ['']])(
    'keeps what is allowed where the system grants more or does not tell: %#',
    async (content) => {
      expect(await possible(content)).toEqual({ count: 10_000, warned: false });
    },
  );
});
