/** What `docs/reference/aws-actions.md` shows of the tables of SQS and SNS. */
import {
  COMMON_ERRORS,
  SNS_ERRORS,
  SQS_ERRORS,
} from '../../packages/polymq/src/protocols/aws/wire/error-tables.ts';
import {
  type ServiceTable,
  type Shape,
  SNS,
  SNS_NOT_OFFERED,
  SQS,
} from '../../packages/polymq/src/protocols/aws/wire/index.ts';
import { markdownTable, type Tables } from './docs.ts';

/** Of every action of SNS but those on tags: the page names it once. */
const NEARLY_EVERYWHERE = 'InternalErrorException';

/** Nothing here is encrypted with keys of AWS, and there are no phones. */
const NEVER = /^(?:Kms|KMS|PlatformApplicationDisabled|EndpointDisabled|OptInRequired)/;

export const AWS_TABLES: Tables = {
  'aws-sqs-actions': () => actionTable(SQS),
  'aws-sns-actions': () => actionTable(SNS),
  'aws-sns-refused': () => SNS_NOT_OFFERED.map((name) => `- \`${name}\``).join('\n'),
  'aws-errors': errorTable,
};

function actionTable({ actions }: ServiceTable): string {
  const rows = [...actions.values()];
  const everywhere = [...commonErrors(actions), NEARLY_EVERYWHERE];
  return markdownTable(
    ['Action', 'Required', 'Optional', 'Names in the Query protocol', 'Errors of its own'],
    rows.map(({ name, input, errors }) => {
      const members = Object.entries(input.members);
      const names = (required: boolean) =>
        members
          .filter(([, member]) => (member.required === true) === required)
          .map(([member]) => `\`${member}\``);
      return [
        `\`${name}\``,
        names(true).join(' '),
        names(false).join(' '),
        queryNames(input, '').join('<br>'),
        errors
          .filter((error) => !everywhere.includes(error) && !NEVER.test(error))
          .map((error) => `\`${error}\``)
          .join(' '),
      ];
    }),
  );
}

/** Of every action of the service: the page lists them once. */
function commonErrors(actions: ServiceTable['actions']): string[] {
  const [first, ...others] = Array.from(actions.values(), ({ errors }) => errors);
  return (first ?? []).filter((error) => others.every((errors) => errors.includes(error)));
}

/** Of lists and maps, on the first level: all others have the name that they have in JSON. */
function queryNames(shape: Shape, path: string): string[] {
  if (shape.kind !== 'structure') return [];
  return Object.entries(shape.members).flatMap(([name, { shape: inner, queryName }]) => {
    if (inner.kind === 'list') {
      const listName = inner.flattened ? (inner.memberName ?? name) : `${name}.member`;
      return [`\`${path}${queryName ?? listName}.N\``];
    }
    if (inner.kind !== 'map') return [];
    const entry = `${path}${queryName ?? name}${inner.flattened ? '' : '.entry'}.N`;
    return [`\`${entry}.${inner.keyName ?? 'key'}\` \`${entry}.${inner.valueName ?? 'value'}\``];
  });
}

function errorTable(): string {
  const tables = [
    ['both', COMMON_ERRORS],
    ['SQS', SQS_ERRORS],
    ['SNS', SNS_ERRORS],
  ] as const;
  return markdownTable(
    ['Service', 'Type in JSON', 'Code in the Query protocol', 'Status', 'Whose fault'],
    tables.flatMap(([service, rows]) =>
      Object.values(rows)
        .filter(({ json }) => !NEVER.test(json))
        .map(({ json, query, status, fault }) => [
          service,
          `\`${json}\``,
          `\`${query}\``,
          String(status),
          fault,
        ]),
    ),
  );
}
