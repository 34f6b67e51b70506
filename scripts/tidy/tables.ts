/** The tables of the code that the documents show. */

import { METRICS } from '../../packages/polymq/src/admin/metric-table.ts';
import { BROKER_ERRORS } from '../../packages/polymq/src/core/errors.ts';
import { STREAM_CONFIG } from '../../packages/polymq/src/core/stream/stream-config.ts';
import { HANDLERS as AMQP_HANDLERS } from '../../packages/polymq/src/protocols/amqp/handlers/index.ts';
import { METHODS } from '../../packages/polymq/src/protocols/amqp/methods/index.ts';
import { QUEUE_ARGUMENTS } from '../../packages/polymq/src/protocols/amqp/queue-arguments.ts';
import { QUEUE_ATTRIBUTES } from '../../packages/polymq/src/protocols/aws/sqs/queue-attributes.ts';
import { HANDLERS } from '../../packages/polymq/src/protocols/kafka/handlers/index.ts';
import { TOPIC_CONFIGS } from '../../packages/polymq/src/protocols/kafka/topic-configs.ts';
import { configTable } from '../../packages/polymq/src/server/config/describe.ts';
import { AWS_TABLES } from './aws-tables.ts';
import { markdownTable, type Tables } from './docs.ts';
import { SDK_TABLES } from './sdk-tables.ts';

export const TABLES: Tables = {
  config: configTable,
  errors: () =>
    markdownTable(
      ['Code', 'Worth repeating', 'Meaning'],
      Object.entries(BROKER_ERRORS).map(([code, { doc, retriable }]) => [
        `\`${code}\``,
        retriable ? 'yes' : 'no',
        doc,
      ]),
    ),
  metrics: () =>
    markdownTable(
      ['Metric', 'Type', 'Labels', 'Meaning'],
      Object.entries(METRICS).map(([name, { type, labels, help }]) => [
        `\`${name}\``,
        type,
        labels ?? '',
        help,
      ]),
    ),
  'kafka-apis': () =>
    markdownTable(
      ['Key', 'API', 'Versions', 'Flexible from'],
      HANDLERS.map(({ api }) => [
        String(api.key),
        api.name,
        `${api.versions[0]} to ${api.versions[1]}`,
        api.flexible === null ? '' : String(api.flexible),
      ]),
    ),
  'kafka-topic-configs': () =>
    markdownTable(
      ['Setting', 'Kind', 'Stands for', 'Meaning'],
      TOPIC_CONFIGS.map((row) => [
        `\`${row.name}\``,
        row.kind === 'idle' ? 'no effect' : row.kind,
        row.kind === 'mapped' ? `\`${row.core}\`` : row.value && `\`${row.value}\``,
        row.kind === 'idle' ? '' : row.doc,
      ]),
    ),
  'amqp-methods': amqpMethods,
  'amqp-queue-arguments': () =>
    markdownTable(
      ['Argument', 'Meaning'],
      Object.entries(QUEUE_ARGUMENTS).map(([name, { doc }]) => [`\`${name}\``, doc]),
    ),
  'sqs-queue-attributes': () =>
    markdownTable(
      ['Attribute', 'Default', 'Meaning'],
      Object.entries<{ doc: string; fallback?: string }>(QUEUE_ATTRIBUTES).map(
        ([name, { doc, fallback }]) => [
          `\`${name}\``,
          fallback === undefined ? '' : `\`${fallback}\``,
          doc,
        ],
      ),
    ),
  ...AWS_TABLES,
  ...SDK_TABLES,
  'stream-config': () =>
    markdownTable(
      ['Setting', 'Default', 'Allowed', 'Meaning'],
      Object.entries(STREAM_CONFIG).map(([name, row]) => [
        `\`${name}\``,
        row.default === Number.MAX_SAFE_INTEGER ? 'no limit' : String(row.default),
        row.values?.map((value) => `\`${value}\``).join(' ') ?? range(row),
        row.doc,
      ]),
    ),
};

/** What clients may send, by class. */
function amqpMethods(): string {
  const classes = new Map<string, string[]>();
  for (const [name, { sentBy }] of Object.entries(METHODS)) {
    if (sentBy === 'server' || !Object.hasOwn(AMQP_HANDLERS, name)) continue;
    const [className = '', method = ''] = name.split('.');
    classes.set(className, [...(classes.get(className) ?? []), method]);
  }
  return markdownTable(
    ['Class', 'Methods of clients'],
    [...classes].map(([name, methods]) => [`\`${name}\``, methods.join(', ')]),
  );
}

function range({ min, max }: { min?: number; max?: number }): string {
  const from = min === undefined ? '' : `from ${min}`;
  return max === undefined ? from : `${from} to ${max}`.trim();
}
