import type { Duration } from '../../lib/duration.ts';

/** What `connect('https://sqs.…', options)` takes beside the options of every client. */
export interface SqsOptions {
  /** Missing: the one in the host name, then `AWS_REGION` and `AWS_DEFAULT_REGION`, then `us-east-1` for an endpoint that is not of AWS. */
  readonly region?: string | undefined;
  /**
   * Keys, or a function of `@aws-sdk/credential-providers`. Missing: the default chain of the AWS SDK (environment, profile, role); for an endpoint
   * that is not of AWS and without keys in the environment, made-up ones.
   */
  readonly credentials?: SqsCredentials | (() => Promise<SqsCredentials>) | undefined;
  /** Missing: `https://sns.<region>.amazonaws.com` for AWS, else the URL of SQS. */
  readonly snsEndpoint?: string | undefined;
  /** How long one request of ReceiveMessage waits, up to 20 s. Missing: 20 s. */
  readonly poll?: Duration | undefined;
  /** Attributes for the queues that are created, such as `{ KmsMasterKeyId: 'alias/queues' }`. */
  readonly queueAttributes?: Readonly<Record<string, string>> | undefined;
}

export interface SqsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}
