import type { Protocol } from '../../net/protocol.ts';
import { awsFormat } from './message/format.ts';
import { AwsServer } from './server.ts';

/** Amazon SQS and SNS. */
export const aws: Protocol = {
  scheme: 'aws',
  defaultPort: 9324,
  guarded: true,
  messageFormat: awsFormat,
  open: (context) => new AwsServer(context),
};
