/**
 * The Query protocol → the input of an action.
 *
 * Parameters spell out a tree by their names:
 *
 *   MessageAttribute.1.Name=price&MessageAttribute.1.Value.DataType=Number      a flattened map, as SQS has it
 *   Attributes.entry.1.key=FifoTopic&Attributes.entry.1.value=true              a map that is not, as SNS has it
 *   AttributeName.1=All             Tags.member.1.Key=team                      lists: flattened, and not
 *
 * They are made a tree first, since entries come in any order and their numbers may have gaps; then the shape picks from it what it
 * knows. An empty list or map is `Name=`. Both forms of lists and maps are understood everywhere. Of a parameter that is given twice the
 * first counts: a presigned URL may leave the body unsigned, and what stands in the URL comes first.
 */
import { AwsError } from './aws-error.ts';
import type { FormPairs } from './form.ts';
import { ENTRIES_MAX, isBase64, type PathStyle, pathsOf } from './input-rules.ts';
import type { Action, ListShape, MapShape, Member, Shape, StructureShape } from './shape.ts';

interface Node {
  value: string | undefined;
  children: Map<string, Node> | undefined;
}

type Input = Record<string, unknown>;

/** Deeper names than any table has. */
const DEPTH_MAX = 10;
const INDEX = /^(?:0|[1-9]\d{0,5})$/;
const INTEGER = /^[+-]?\d{1,16}$/;

/** The input as the action's table describes it. Parameters that it does not know are ignored. */
export function decodeQuery(action: Action, params: FormPairs): Input {
  const reader = new QueryReader(pathsOf(action.service), action.service === 'sqs');
  return reader.structure(action.input, treeOf(params), '');
}

function treeOf(params: FormPairs): Node {
  const root: Node = { value: undefined, children: undefined };
  for (const [name, value] of params) {
    const steps = name.split('.', DEPTH_MAX + 1);
    if (steps.length > DEPTH_MAX) throw malformed(`The name of a parameter has too many parts.`);
    let node = root;
    for (const step of steps) node = childFor(node, step);
    node.value ??= value;
  }
  return root;
}

function childFor(node: Node, step: string): Node {
  node.children ??= new Map();
  let child = node.children.get(step);
  if (child === undefined) {
    child = { value: undefined, children: undefined };
    node.children.set(step, child);
  }
  return child;
}

class QueryReader {
  readonly #paths: PathStyle;
  /** Clients of SQS cannot say that a list is empty, so a missing one is. */
  readonly #missingIsEmpty: boolean;

  constructor(paths: PathStyle, missingIsEmpty: boolean) {
    this.#paths = paths;
    this.#missingIsEmpty = missingIsEmpty;
  }

  structure(shape: StructureShape, node: Node, path: string): Input {
    const target: Input = {};
    for (const [name, member] of Object.entries(shape.members)) {
      const wireName = queryNameOf(name, member);
      const child = node.children?.get(wireName) ?? node.children?.get(name);
      const at = this.#paths.member(path, wireName);
      if (child === undefined || (member.nonEmpty && child.value === '')) {
        if (!member.required) continue;
        target[name] = this.#missing(member.shape, at);
      } else {
        target[name] = this.#read(member.shape, child, at);
      }
    }
    return target;
  }

  #missing(shape: Shape, path: string): unknown {
    if (this.#missingIsEmpty && shape.kind === 'list') return [];
    if (this.#missingIsEmpty && shape.kind === 'map') return Object.create(null);
    throw this.#paths.missing(path);
  }

  #read(shape: Shape, node: Node, path: string): unknown {
    switch (shape.kind) {
      case 'list':
        return this.#list(shape, node, path);
      case 'map':
        return this.#map(shape, node, path);
      case 'structure':
        if (node.children === undefined) throw malformed(`${path} must have members.`);
        return this.structure(shape, node, path);
      default:
        if (node.value === undefined) throw malformed(`${path} must be a single value.`);
        return scalar(shape.kind, node.value, path);
    }
  }

  #list(shape: ListShape, node: Node, path: string): unknown[] {
    return this.#entries(node, shape.memberName ?? 'member', path).map(([index, entry]) =>
      this.#read(shape.member, entry, this.#paths.entry(path, index)),
    );
  }

  #map(shape: MapShape, node: Node, path: string): Input {
    const target: Input = Object.create(null);
    for (const [index, entry] of this.#entries(node, 'entry', path)) {
      const at = this.#paths.entry(path, index);
      const key = entry.children?.get(shape.keyName ?? 'key')?.value;
      const value = entry.children?.get(shape.valueName ?? 'value');
      if (key === undefined) throw this.#paths.missing(`${at}.${shape.keyName ?? 'key'}`);
      if (value === undefined) throw this.#paths.missing(`${at}.${shape.valueName ?? 'value'}`);
      target[key] = this.#read(shape.value, value, this.#paths.entry(path, key));
    }
    return target;
  }

  /** By their numbers. */
  #entries(node: Node, wrapper: string, path: string): [index: number, entry: Node][] {
    if (node.children === undefined) {
      if (node.value === '') return [];
      throw malformed(`${path} must be a list.`);
    }
    const { children } = node.children.get(wrapper) ?? node.children.get('member') ?? node;
    if (children === undefined) return [];
    if (children.size > ENTRIES_MAX) throw malformed(`${path} has more than ${ENTRIES_MAX}.`);
    return Array.from(children, ([step, entry]): [number, Node] => {
      if (!INDEX.test(step)) throw malformed(`${step} in ${path} must be a number.`);
      return [Number(step), entry];
    }).sort(([first], [second]) => first - second);
  }
}

/** Flattened lists go by the name of their members. */
function queryNameOf(name: string, { queryName, shape }: Member): string {
  if (queryName !== undefined) return queryName;
  return shape.kind === 'list' && shape.flattened ? (shape.memberName ?? name) : name;
}

function scalar(kind: string, value: string, path: string): unknown {
  switch (kind) {
    case 'integer':
      if (!INTEGER.test(value) || !Number.isSafeInteger(Number(value))) {
        throw malformed(`The value of ${path} must be an integer.`);
      }
      return Number(value);
    case 'boolean': {
      const lower = value.toLowerCase();
      if (lower !== 'true' && lower !== 'false') {
        throw malformed(`The value of ${path} must be true or false.`);
      }
      return lower === 'true';
    }
    case 'timestamp': {
      const timeMs = Date.parse(value);
      if (Number.isNaN(timeMs)) throw malformed(`The value of ${path} must be a timestamp.`);
      return timeMs;
    }
    case 'blob':
      if (!isBase64(value)) throw malformed(`The value of ${path} must be base64.`);
      return value;
    default:
      return value;
  }
}

function malformed(message: string): AwsError {
  return new AwsError('MalformedInput', message);
}
