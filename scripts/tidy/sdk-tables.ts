/** The tables of the client that the documents show. */

import type { Capabilities, Capability } from '../../packages/client/src/driver/capabilities.ts';
import { CAPABILITIES } from '../../packages/client/src/driver/capabilities.ts';
import { CAPABILITIES as AMQP } from '../../packages/client/src/drivers/amqp/index.ts';
import { CAPABILITIES as KAFKA } from '../../packages/client/src/drivers/kafka/index.ts';
import { CAPABILITIES as POLYMQ } from '../../packages/client/src/drivers/polymq/index.ts';
import { CAPABILITIES as REDIS } from '../../packages/client/src/drivers/redis/index.ts';
import { CAPABILITIES as SQS } from '../../packages/client/src/drivers/sqs/index.ts';
import { CLIENT_ERRORS } from '../../packages/client/src/errors.ts';
import { EMBEDDED_CAPABILITIES as EMBEDDED } from '../../packages/polymq/src/embed/capabilities.ts';
import { markdownTable, type Tables } from './docs.ts';

const DRIVERS: readonly (readonly [name: string, capabilities: Capabilities])[] = [
  ['embedded', EMBEDDED],
  ['polymq', POLYMQ],
  ['amqp (RabbitMQ)', AMQP],
  ['kafka', KAFKA],
  ['sqs + sns', SQS],
  ['redis', REDIS],
];

export const SDK_TABLES: Tables = {
  'sdk-errors': () =>
    markdownTable(
      ['Code', 'Worth repeating', 'Meaning'],
      Object.entries(CLIENT_ERRORS).map(([code, { doc, retryable }]) => [
        `\`${code}\``,
        retryable ? 'yes' : 'no',
        doc,
      ]),
    ),
  'sdk-capabilities': () =>
    markdownTable(
      ['Capability', ...DRIVERS.map(([name]) => name), 'Meaning'],
      Object.entries(CAPABILITIES).map(([name, { doc }]) => [
        `\`${name}\``,
        ...DRIVERS.map(([, capabilities]) => capabilities[name as Capability] || '–'),
        doc,
      ]),
    ),
};
