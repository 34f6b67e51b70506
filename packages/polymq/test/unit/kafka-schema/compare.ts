/**
 * Compares our schema tables with Apache Kafka's descriptions, version by version: for each version that
 * both have, the list of fields, in order, each with its type, nullability, tag and default. Working per
 * version means that it does not matter how either side writes its ranges.
 */
import { type FieldPlan, planStruct } from '../../../src/protocols/kafka/codec/plan.ts';
import type { ApiSpec } from '../../../src/protocols/kafka/codec/spec.ts';
import { type DescribedField, type Description, parseVersions } from './message-description.ts';

/** One line per field, indented by depth, such as `  groupInstanceId string null = null`. */
type Lines = string[];

export interface Difference {
  where: string;
  ours: Lines;
  theirs: Lines;
}

export function compareApi(api: ApiSpec, descriptions: readonly Description[]): Difference[] {
  const differences: Difference[] = [];
  for (const type of ['request', 'response'] as const) {
    const theirs = descriptions.find((one) => one.apiKey === api.key && one.type === type);
    const name = `${api.name} ${type}`;
    if (theirs === undefined) {
      differences.push({ where: name, ours: ['described'], theirs: ['not described'] });
      continue;
    }
    compareHead(api, theirs, name, differences);
    for (const version of commonVersions(api, theirs)) {
      const plan = planStruct(api[type], { since: api.versions[0], until: api.versions[1] });
      const ours = ourLines(plan, version, '');
      const common = new Map(theirs.commonStructs?.map((one) => [one.name, one.fields]));
      const lines = theirLines(theirs.fields, version, '', common);
      if (ours.join() !== lines.join()) {
        differences.push({
          where: `${name} v${version}`,
          ours: ours.filter((line) => !lines.includes(line)),
          theirs: lines.filter((line) => !ours.includes(line)),
        });
      }
    }
  }
  return differences;
}

function compareHead(
  api: ApiSpec,
  theirs: Description,
  where: string,
  differences: Difference[],
): void {
  const flexible = parseVersions(theirs.flexibleVersions)?.[0] ?? null;
  const ours = `${api.name} ${api.flexible}`;
  const name = theirs.name.replace(/(Request|Response)$/, '');
  const theirHead = `${name} ${flexible}`;
  if (ours !== theirHead) differences.push({ where, ours: [ours], theirs: [theirHead] });
}

/** Versions older than what Kafka still describes cannot be compared. */
export function commonVersions(api: ApiSpec, theirs: Description): number[] {
  const [first, last] = parseVersions(theirs.validVersions) ?? [0, -1];
  const versions: number[] = [];
  const end = Math.min(last, api.versions[1]);
  for (let version = Math.max(first, api.versions[0]); version <= end; version++) {
    versions.push(version);
  }
  return versions;
}

function ourLines(fields: readonly FieldPlan[], version: number, indent: string): Lines {
  return fields.flatMap((field) => {
    if (version < field.since || version > field.until) return [];
    const isStruct = field.type === 'struct';
    const line = [
      `${indent}${field.name} ${field.isArray ? '[]' : ''}${field.type}`,
      version >= field.nullSince ? ' null' : '',
      field.tag === null ? '' : ` tag ${field.tag}`,
      isStruct && field.default !== null ? '' : ` = ${shown(field.default)}`,
    ].join('');
    return isStruct ? [line, ...ourLines(field.fields, version, `${indent}  `)] : [line];
  });
}

function shown(value: unknown): string {
  if (Buffer.isBuffer(value) || Array.isArray(value)) return `${value.length} items`;
  return String(value);
}

function theirLines(
  fields: readonly DescribedField[],
  version: number,
  indent: string,
  common: ReadonlyMap<string, DescribedField[]>,
): Lines {
  return fields.flatMap((field) => {
    if (!includes(field.versions, version)) return [];
    const isArray = field.type.startsWith('[]');
    const item = isArray ? field.type.slice(2) : field.type;
    const fieldsInside = field.fields ?? common.get(item);
    const type = fieldsInside === undefined ? (item === 'bool' ? 'boolean' : item) : 'struct';
    const isNull = field.default === 'null';
    const line = [
      `${indent}${field.name.charAt(0).toLowerCase()}${field.name.slice(1)} ${isArray ? '[]' : ''}${type}`,
      includes(field.nullableVersions, version) ? ' null' : '',
      includes(field.taggedVersions, version) ? ` tag ${field.tag}` : '',
      type === 'struct' && !isNull ? '' : ` = ${theirDefault(field.default, isArray, type)}`,
    ].join('');
    const inside = theirLines(fieldsInside ?? [], version, `${indent}  `, common);
    return [line, ...inside];
  });
}

const IMPLIED: Record<string, string> = {
  boolean: 'false',
  string: '',
  bytes: '0 items',
  records: 'null',
  uuid: '00000000-0000-0000-0000-000000000000',
};

function theirDefault(given: DescribedField['default'], isArray: boolean, type: string): string {
  if (given === 'null') return 'null';
  if (isArray) return '0 items';
  if (given === undefined || given === '') return IMPLIED[type] ?? '0';
  return Number.isNaN(Number(given)) ? String(given) : String(Number(given));
}

function includes(versions: string | undefined, version: number): boolean {
  const range = parseVersions(versions);
  return range !== null && version >= range[0] && version <= range[1];
}
