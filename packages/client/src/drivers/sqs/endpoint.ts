/** Where SQS and SNS are and in which region, from the URL that `connect` was given. */
import { PolymqError } from '../../errors.ts';
import type { SqsCredentials, SqsOptions } from './options.ts';

export interface Endpoint {
  readonly sqs: string;
  readonly sns: string;
  readonly region: string;
  readonly credentials?: SqsOptions['credentials'];
  /** It is AWS itself: a poll that does not wait may overlook messages there, and one whose connection has ended goes on. */
  readonly isAws: boolean;
}

/** `sqs.eu-west-1.amazonaws.com`, `sqs.cn-north-1.amazonaws.com.cn`, and the older `eu-west-1.queue.amazonaws.com`. */
const AWS_HOST = /^(?:sqs(?:-fips)?\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.(amazonaws\.com(?:\.cn)?)$/;

/** An endpoint that is no AWS checks no signature as a rule, but the SDK makes one. */
const MADE_UP: SqsCredentials = { accessKeyId: 'polymq', secretAccessKey: 'polymq' };

type Variables = Readonly<Record<string, string | undefined>>;

export function endpointOf(url: URL, options: SqsOptions, variables: Variables): Endpoint {
  const scheme = url.protocol === 'sqs:' ? 'http:' : url.protocol;
  if (scheme !== 'http:' && scheme !== 'https:') {
    throw new PolymqError(
      'invalid-argument',
      `${url.protocol}//${url.host} is no endpoint of SQS; give https://sqs.REGION.amazonaws.com, http://HOST:PORT or sqs://HOST:PORT`,
    );
  }
  const aws = AWS_HOST.exec(url.hostname);
  const region =
    options.region ??
    aws?.[1] ??
    aws?.[2] ??
    variables['AWS_REGION'] ??
    variables['AWS_DEFAULT_REGION'];
  const sqs = `${scheme}//${url.host}`;
  const ownSns = aws === null ? sqs : `https://sns.${region}.${aws[3]}`;
  const sns = options.snsEndpoint ?? ownSns;
  return {
    sqs,
    sns,
    region: region ?? 'us-east-1',
    credentials: options.credentials ?? keysOf(url) ?? (aws ? undefined : elsewhere(variables)),
    isAws: aws !== null,
  };
}

/** `http://KEY:SECRET@host`. */
function keysOf(url: URL): SqsCredentials | undefined {
  if (url.username === '') return undefined;
  return {
    accessKeyId: decodeURIComponent(url.username),
    secretAccessKey: decodeURIComponent(url.password),
  };
}

/** Undefined leaves it to the SDK's own chain, which asks files and the network if the environment has nothing. */
function elsewhere(variables: Variables): SqsCredentials | undefined {
  const configured = ['AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'AWS_WEB_IDENTITY_TOKEN_FILE'];
  return configured.some((name) => variables[name]) ? undefined : MADE_UP;
}
