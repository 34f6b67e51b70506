/**
 * The output of an action → the Query protocol's XML.
 *
 *   <SendMessageResponse xmlns="…"><SendMessageResult><MessageId>…</MessageId>…</SendMessageResult>
 *   <ResponseMetadata><RequestId>…</RequestId></ResponseMetadata></SendMessageResponse>
 *
 * Only what the table names is written; what is undefined is left out. Shapes are compiled once per action.
 */
import type { Action, Member, ScalarKind, ServiceTable, Shape, StructureShape } from './shape.ts';
import { escapeXml } from './xml-text.ts';

/** What stands for a value in the element `name`. */
type Write = (value: unknown) => string;

const COMPILED = new WeakMap<Action, Write>();
const EMPTY: Write = () => '';

export interface XmlAnswer {
  readonly service: ServiceTable;
  readonly action: Action;
  readonly output: object;
  readonly requestId: string;
}

export function encodeXml({ service, action, output, requestId }: XmlAnswer): string {
  let write = COMPILED.get(action);
  if (write === undefined) {
    write = action.output === undefined ? EMPTY : element(`${action.name}Result`, action.output);
    COMPILED.set(action, write);
  }
  return (
    `<?xml version="1.0"?><${action.name}Response xmlns="${service.xmlNamespace}">${write(output)}` +
    `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${action.name}Response>`
  );
}

function element(name: string, shape: Shape): Write {
  const content = contentOf(shape);
  const [open, close, empty] = [`<${name}>`, `</${name}>`, `<${name}/>`];
  return (value) => {
    const inner = content(value);
    return inner === '' ? empty : open + inner + close;
  };
}

function contentOf(shape: Shape): Write {
  switch (shape.kind) {
    case 'structure':
      return structureContent(shape);
    case 'list': {
      const write = element(shape.memberName ?? 'member', shape.member);
      return (value) => (value as readonly unknown[]).map(write).join('');
    }
    case 'map':
      return mapContent('entry', shape);
    default:
      return scalarContent(shape.kind);
  }
}

function structureContent(shape: StructureShape): Write {
  const members = Object.entries(shape.members).map(([name, member]) => ({
    name,
    write: memberWrite(name, member),
  }));
  return (value) => {
    let text = '';
    for (const { name, write } of members) {
      const member = (value as Record<string, unknown>)[name];
      if (member !== undefined && member !== null) text += write(member);
    }
    return text;
  };
}

/** Flattened lists and maps repeat the member's element instead of wrapping their entries into one. */
function memberWrite(name: string, { shape, queryName }: Member): Write {
  const wireName = queryName ?? name;
  if (shape.kind === 'list' && shape.flattened) {
    const write = element(shape.memberName ?? wireName, shape.member);
    return (value) => (value as readonly unknown[]).map(write).join('');
  }
  if (shape.kind === 'map' && shape.flattened) return mapContent(wireName, shape);
  return element(wireName, shape);
}

interface MapOf {
  readonly value: Shape;
  readonly keyName?: string;
  readonly valueName?: string;
}

function mapContent(
  entryName: string,
  { value, keyName = 'key', valueName = 'value' }: MapOf,
): Write {
  const write = element(valueName, value);
  return (entries) => {
    let text = '';
    for (const [key, entry] of Object.entries(entries as object)) {
      if (entry === undefined) continue;
      text += `<${entryName}><${keyName}>${escapeXml(key)}</${keyName}>${write(entry)}</${entryName}>`;
    }
    return text;
  };
}

function scalarContent(kind: ScalarKind): Write {
  if (kind === 'timestamp') return (value) => new Date(value as number).toISOString();
  if (kind === 'string') return (value) => escapeXml(value as string);
  return String;
}
