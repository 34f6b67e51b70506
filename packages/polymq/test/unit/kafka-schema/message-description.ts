/**
 * Apache Kafka's own descriptions of its messages: the JSON files `common/message/*.json` in the
 * kafka-clients jar. Only what a schema table can say is kept.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DescribedField {
  name: string;
  type: string;
  versions: string;
  nullableVersions?: string;
  taggedVersions?: string;
  tag?: number;
  default?: string | number | boolean;
  fields?: DescribedField[];
}

export interface Description {
  apiKey: number;
  type: 'request' | 'response';
  name: string;
  validVersions: string;
  flexibleVersions: string;
  fields: DescribedField[];
  commonStructs?: { name: string; fields: DescribedField[] }[];
}

/** All requests and responses described in a folder. */
export function readDescriptions(folder: string): Description[] {
  return readdirSync(folder)
    .filter((file) => /(Request|Response)\.json$/.test(file))
    .map((file) => parse(readFileSync(join(folder, file), 'utf8')));
}

/** The files are JSON with `//` comments, all of which start a line or follow two spaces. */
function parse(text: string): Description {
  return JSON.parse(text.replaceAll(/(^|\s)\/\/ .*$|^\s*\/\/.*$/gm, ''));
}

/** Both ends are inclusive; null for `none`. */
export function parseVersions(text: string | undefined): [number, number] | null {
  if (text === undefined || text === 'none') return null;
  const [first = '', last] = text.split('-');
  if (first.endsWith('+')) return [Number(first.slice(0, -1)), Infinity];
  return [Number(first), Number(last ?? first)];
}
