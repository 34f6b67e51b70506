/**
 * AddPermission and RemovePermission: they edit the queue's `Policy`, statement by statement, as AWS writes them. It is stored and not
 * enforced.
 */

import { AwsError } from '../wire/index.ts';
import { isObject, parseJson } from './queue-attributes.ts';
import { invalid } from './queue-rules.ts';

export interface Permission {
  Label: string;
  AWSAccountIds: readonly string[];
  Actions: readonly string[];
}

interface Statement {
  Sid: string;
  Effect: 'Allow';
  Principal: { AWS: string | readonly string[] };
  Action: string | readonly string[];
  Resource: string;
}

const LABEL = /^[A-Za-z0-9_-]{1,80}$/;
const ACTIONS: ReadonlySet<string> = new Set([
  '*',
  'SendMessage',
  'ReceiveMessage',
  'DeleteMessage',
  'ChangeMessageVisibility',
  'GetQueueAttributes',
  'GetQueueUrl',
  'ListDeadLetterSourceQueues',
  'PurgeQueue',
]);
const ACTIONS_MAX = 7;
const STATEMENTS_MAX = 20;

/** The policy with one more statement. */
export function withPermission(policy: string, arn: string, permission: Permission): string {
  const { Label, AWSAccountIds, Actions } = permission;
  if (!LABEL.test(Label)) {
    throw invalid(
      `Value ${Label} for parameter Label is invalid. Reason: It can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.`,
    );
  }
  if (Actions.length > ACTIONS_MAX) {
    throw new AwsError(
      'OverLimit',
      `${Actions.length} Actions were found, maximum allowed is ${ACTIONS_MAX}.`,
    );
  }
  for (const action of Actions) {
    if (!ACTIONS.has(action)) {
      throw invalid(
        `Value SQS:${action} for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action.`,
      );
    }
  }
  const document = parsed(policy, arn);
  const statements = statementsOf(document);
  if (statements.some(({ Sid }) => Sid === Label)) {
    throw invalid(`Value ${Label} for parameter Label is invalid. Reason: Already exists.`);
  }
  if (statements.length >= STATEMENTS_MAX) {
    throw new AwsError(
      'OverLimit',
      `A policy may have ${STATEMENTS_MAX} statements; remove one first.`,
    );
  }
  const added: Statement = {
    Sid: Label,
    Effect: 'Allow',
    Principal: { AWS: oneOrAll(AWSAccountIds.map((id) => `arn:aws:iam::${id}:root`)) },
    Action: oneOrAll(Actions.map((action) => `SQS:${action}`)),
    Resource: arn,
  };
  return JSON.stringify({ ...document, Statement: [...statements, added] });
}

/** The policy without the statement; empty if that was the only one. */
export function withoutPermission(policy: string, arn: string, label: string): string {
  const document = parsed(policy, arn);
  const statements = statementsOf(document);
  const left = statements.filter(({ Sid }) => Sid !== label);
  if (left.length === statements.length) {
    throw invalid(
      `Value ${label} for parameter Label is invalid. Reason: can't find label on existing policy.`,
    );
  }
  return left.length === 0 ? '' : JSON.stringify({ ...document, Statement: left });
}

function parsed(policy: string, arn: string): Readonly<Record<string, unknown>> {
  const known = parseJson(policy);
  if (isObject(known)) return known;
  return { Version: '2008-10-17', Id: `${arn}/SQSDefaultPolicy`, Statement: [] };
}

function statementsOf(document: Readonly<Record<string, unknown>>): Statement[] {
  const { Statement: statement = [] } = document;
  return (Array.isArray(statement) ? statement : [statement]) as Statement[];
}

function oneOrAll(texts: readonly string[]): string | readonly string[] {
  return texts.length === 1 ? texts[0]! : texts;
}
