import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { ConfigError } from './resolve.ts';

/** Nobody writes that much by hand; it is most likely the wrong file. */
const FILE_BYTES_MAX = 1024 * 1024;

/** The tree in a YAML or JSON file. Throws `ConfigError` that names the file and the place. */
export async function readConfigFile(path: string): Promise<unknown> {
  const text = await readText(path);
  const kind = extname(path).toLowerCase();
  try {
    if (kind === '.json') return JSON.parse(text);
    if (kind === '.yaml' || kind === '.yml') {
      // Loaded only when there is such a file: it would cost every start some 20 ms.
      const yaml = await import('yaml');
      return yaml.parse(text) ?? {};
    }
  } catch (error: unknown) {
    throw new ConfigError([`file ${path}: ${(error as Error).message.trim()}`]);
  }
  throw new ConfigError([`file ${path}: must end in .yaml, .yml or .json`]);
}

async function readText(path: string): Promise<string> {
  try {
    const content = await readFile(path);
    if (content.length > FILE_BYTES_MAX) {
      throw new Error(`has ${content.length} bytes, at most ${FILE_BYTES_MAX} are read`);
    }
    return content.toString('utf8');
  } catch (error: unknown) {
    throw new ConfigError([`file ${path}: ${(error as Error).message}`]);
  }
}
