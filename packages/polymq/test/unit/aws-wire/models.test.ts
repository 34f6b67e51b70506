import * as snsClient from '@aws-sdk/client-sns';
import * as sqsClient from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import {
  COMMON_ERRORS,
  errorRow,
  SNS_ERRORS,
  SQS_ERRORS,
} from '../../../src/protocols/aws/wire/error-tables.ts';
import {
  type AwsErrorCode,
  type Shape,
  SNS,
  SNS_NOT_OFFERED,
  SQS,
} from '../../../src/protocols/aws/wire/index.ts';
import {
  type Described,
  describeSchema,
  describeV2,
  documentedErrors,
  v2Model,
} from './sdk-model.ts';

const SERVICES = [
  { table: SQS, client: sqsClient as Record<string, unknown>, model: v2Model('sqs-2012-11-05') },
  { table: SNS, client: snsClient as Record<string, unknown>, model: v2Model('sns-2010-03-31') },
];

/** Our table, in the form of the comparison. */
function describeOurs(shape: Shape, query: boolean, queryName = ''): Described {
  switch (shape.kind) {
    case 'structure':
      return {
        kind: 'structure',
        members: Object.fromEntries(
          Object.entries(shape.members).map(([name, member]) => [
            name,
            describeOurs(member.shape, query, member.queryName),
          ]),
        ),
        required: Object.keys(shape.members)
          .filter((name) => shape.members[name]!.required)
          .sort(),
      };
    case 'list':
      return {
        kind: 'list',
        member: describeOurs(shape.member, query),
        ...(query
          ? { flattened: shape.flattened === true, name: shape.memberName ?? 'member' }
          : {}),
      };
    case 'map':
      return {
        kind: 'map',
        value: describeOurs(shape.value, query),
        ...(query
          ? {
              flattened: shape.flattened === true,
              name: queryName,
              names: { key: shape.keyName ?? 'key', value: shape.valueName ?? 'value' },
            }
          : {}),
      };
    default:
      return shape.kind;
  }
}

const EMPTY: Described = { kind: 'structure', members: {}, required: [] };
const ACTIONS = SERVICES.flatMap(({ table, client, model }) =>
  Array.from(table.actions.values(), (action) => ({
    title: `${table.service} ${action.name}`,
    action,
    operation: model.operations[action.name]!,
    model,
    schema: client[`${action.name}$`] as unknown[],
  })),
);

describe('the tables of actions', () => {
  it('have every action of SQS, and of SNS all that are not named as missing', () => {
    const [sqs, sns] = SERVICES;
    expect([...SQS.actions.keys()].sort()).toEqual(Object.keys(sqs!.model.operations).sort());
    expect([...SNS.actions.keys(), ...SNS_NOT_OFFERED].sort()).toEqual(
      Object.keys(sns!.model.operations).sort(),
    );
  });

  it.each(ACTIONS)('have $title as version 2 of the SDK has it', ({ action, operation, model }) => {
    const input = operation.input === undefined ? EMPTY : describeV2(model, operation.input);
    expect(describeOurs(action.input, false)).toEqual(input);
    if (operation.output === undefined) expect(action.output).toBeUndefined();
    else expect(describeOurs(action.output!, false)).toEqual(describeV2(model, operation.output));
  });

  it.each(ACTIONS)('have $title as version 3 of the SDK has it, with query names', (row) => {
    const [, , , , input, output] = row.schema;
    expect(describeOurs(row.action.input, true)).toEqual(describeSchema(input, true));
    const ours = row.action.output === undefined ? 'unit' : describeOurs(row.action.output, true);
    const theirs = (output as () => unknown)();
    expect(ours).toEqual(theirs === 'unit' ? 'unit' : describeSchema(theirs, true));
  });

  it.each(ACTIONS)('have the errors of $title', ({ action }) => {
    expect([...action.errors].sort()).toEqual(documentedErrors(action.service, action.name).sort());
  });
});

describe('the tables of errors', () => {
  const [sqs, sns] = SERVICES;
  const schemas = [sqs!, sns!].flatMap(({ table, client }) =>
    Object.values(client)
      .filter((schema): schema is unknown[] => Array.isArray(schema) && schema[0] === -3)
      .map((schema) => ({
        service: table.service,
        name: schema[2] as string,
        traits: schema[3] as { awsQueryError?: [string, number]; httpError?: number },
      }))
      .filter(({ name }) => !/^S[QN]SServiceException$|^VerificationException$/.test(name)),
  );
  const rowsOf = { sqs: SQS_ERRORS, sns: SNS_ERRORS } as Record<string, typeof SQS_ERRORS>;

  it.each(schemas)('have $service $name as the SDK has it', ({ service, name, traits }) => {
    // Verifying phone numbers and users of the SMS sandbox are of actions that we do not offer.
    if (['OptedOutException', 'UserErrorException'].includes(name)) return;
    const row = Object.values(rowsOf[service]!).find(({ json }) => json === name);
    const [query, status] = traits.awsQueryError ?? [name, 400];
    expect(row).toMatchObject({ query, status, fault: status < 500 ? 'Sender' : 'Receiver' });
  });

  it('find the row of each code, whichever service answers', () => {
    for (const service of ['sqs', 'sns']) {
      const codes = [SQS_ERRORS, SNS_ERRORS, COMMON_ERRORS].flatMap((rows) => Object.keys(rows));
      for (const code of codes) expect(errorRow(service, code as AwsErrorCode)).toBeDefined();
    }
    expect(errorRow('sns', 'InvalidParameterValue').query).toBe('ParameterValueInvalid');
    expect(errorRow('sqs', 'InvalidParameterValue').query).toBe('InvalidParameterValue');
  });
});
