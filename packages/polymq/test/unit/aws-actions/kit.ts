/** A broker in this process, spoken to over HTTP in both wire formats, and the checks that every answer has to pass. */
import { expect } from 'vitest';
import type { Action, ServiceTable, Shape } from '../../../src/protocols/aws/wire/index.ts';
import type { StructureShape } from '../../../src/protocols/aws/wire/shape.ts';
import { startBroker } from '../../../src/server/broker.ts';

export type Input = Readonly<Record<string, unknown>>;

export interface Answer {
  status: number;
  /** The name of the error, as SDKs of that wire format see it; undefined if it went well. */
  error: string | undefined;
  message: string;
  // biome-ignore lint/suspicious/noExplicitAny: checked against the table before
  output: any;
  text: string;
}

export interface AwsKit {
  readonly origin: string;
  json(action: string, input?: Input): Promise<Answer>;
  query(action: string, input?: Input): Promise<Answer>;
  stop(): Promise<void>;
}

export async function startAws(
  service: ServiceTable,
  settings: { strict?: boolean; sns?: Record<string, unknown> } = {},
): Promise<AwsKit> {
  const { strict = false, sns = {} } = settings;
  const broker = await startBroker({
    data: 'memory:',
    listen: ['aws://127.0.0.1:0'],
    aws: { strict },
    sns,
  });
  const origin = `http://127.0.0.1:${broker.listener('aws').port}`;
  const scope = `20261122/eu-west-1/${service.service}/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=AKID/${scope}, SignedHeaders=host, Signature=0`;
  const post = (headers: Record<string, string>, body: string) =>
    fetch(origin, { method: 'POST', headers: { authorization, ...headers }, body });
  return {
    origin,
    async json(action, input = {}) {
      const response = await post(
        {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': `${service.targetPrefix}.${action}`,
        },
        JSON.stringify(input),
      );
      const text = await response.text();
      const parsed = JSON.parse(text) as { __type?: string; message?: string };
      if (response.status === 200) checkShape(service.actions.get(action)!, parsed);
      const error = parsed.__type?.split('#').at(-1);
      return {
        status: response.status,
        error,
        message: parsed.message ?? '',
        output: parsed,
        text,
      };
    },
    async query(action, input = {}) {
      const body = new URLSearchParams({ Action: action, Version: service.version });
      const members: StructureShape['members'] = service.actions.get(action)?.input.members ?? {};
      for (const [name, value] of Object.entries(input)) {
        const member = members[name];
        spell(body, member?.queryName ?? name, value, member?.shape ?? { kind: 'string' });
      }
      const type = 'application/x-www-form-urlencoded';
      const response = await post({ 'content-type': type }, body.toString());
      const text = await response.text();
      const { status } = response;
      if (status === 200) {
        expect(text).toContain(`<${action}Response xmlns=`);
        return { status, error: undefined, message: '', output: undefined, text };
      }
      const error = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
      const message = /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? '';
      return { status, error, message, output: undefined, text };
    },
    stop: () => broker.stop(),
  };
}

/** An answer has only what the model has, with the right types, and all that it requires. */
function checkShape(action: Action, output: object): void {
  if (action.output === undefined) expect(output).toEqual({});
  else checkValue(action.output, output, action.name);
}

function checkValue(shape: Shape, value: unknown, path: string): void {
  switch (shape.kind) {
    case 'structure': {
      const given = value as Record<string, unknown>;
      for (const [name, item] of Object.entries(given)) {
        const member = shape.members[name];
        expect(member, `${path}.${name} is not in the model`).toBeDefined();
        checkValue(member!.shape, item, `${path}.${name}`);
      }
      for (const [name, { required }] of Object.entries(shape.members)) {
        if (required) expect(given, path).toHaveProperty(name);
      }
      return;
    }
    case 'list':
      expect(Array.isArray(value), path).toBe(true);
      for (const item of value as unknown[]) checkValue(shape.member, item, `${path}[]`);
      return;
    case 'map':
      for (const item of Object.values(value as object)) checkValue(shape.value, item, `${path}{}`);
      return;
    default:
      expect(typeof value, path).toBe(SCALARS[shape.kind]);
  }
}

const SCALARS = {
  string: 'string',
  blob: 'string',
  integer: 'number',
  timestamp: 'number',
  boolean: 'boolean',
} as const;

/** Spells a value out as the Query protocol wants it. */
function spell(target: URLSearchParams, name: string, value: unknown, shape: Shape): void {
  if (shape.kind === 'list') {
    const entries = value as unknown[];
    const prefix = shape.flattened ? name : `${name}.member`;
    if (entries.length === 0) target.append(name, '');
    for (const [index, item] of entries.entries()) {
      spell(target, `${prefix}.${index + 1}`, item, shape.member);
    }
  } else if (shape.kind === 'map') {
    const prefix = shape.flattened ? name : `${name}.entry`;
    for (const [index, [key, item]] of Object.entries(value as object).entries()) {
      target.append(`${prefix}.${index + 1}.${shape.keyName ?? 'key'}`, key);
      spell(target, `${prefix}.${index + 1}.${shape.valueName ?? 'value'}`, item, shape.value);
    }
  } else if (shape.kind === 'structure') {
    for (const [member, item] of Object.entries(value as object)) {
      const known = shape.members[member];
      spell(
        target,
        `${name}.${known?.queryName ?? member}`,
        item,
        known?.shape ?? { kind: 'string' },
      );
    }
  } else {
    target.append(name, String(value));
  }
}
