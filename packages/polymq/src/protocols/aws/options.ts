/** The settings of the sections `aws` and `sns`, as the protocol uses them. */
export interface AwsOptions {
  /** The region in ARNs; empty: the one that the client signs for. */
  region: string;
  accountId: string;
  /** Access key id → secret. Empty: anybody on this machine is let in. */
  credentials: ReadonlyMap<string, string>;
  /** Whether quotas of AWS hold that only get in the way elsewhere. */
  strict: boolean;
  messageBytesMax: number;
  /** The broker's address that URLs in messages name, such as `http://broker:9324`; empty: the one the client used. */
  advertised: { host: string; port: number } | undefined;
  sns: SnsOptions;
}

export interface SnsOptions {
  /** Addresses and ranges that http(s) subscriptions may reach although they are private, such as `127.0.0.1/32`. */
  privateTargets: readonly string[];
  /** Function name → endpoint that it is invoked at; `*` is for all others. */
  lambdaEndpoints: ReadonlyMap<string, string>;
  /** `smtp://user:password@host:port`; empty: email is refused. */
  smtpUrl: string;
  emailFrom: string;
  /** Where SMS are posted to as JSON; empty: sms is refused. */
  smsWebhook: string;
}

const DEFAULT_REGION = 'us-east-1';

/** The region where the client's own is not known. */
export function fallbackRegion({ region }: AwsOptions): string {
  return region === '' ? DEFAULT_REGION : region;
}

/** Settings come as text, by their names in the table of settings; secrets apart. */
export function readOptions(
  settings: ReadonlyMap<string, string>,
  secrets: ReadonlyMap<string, string>,
  advertised: { host: string; port: number } | undefined,
): AwsOptions {
  const text = (name: string): string => settings.get(name) ?? '';
  return {
    region: text('aws.region'),
    accountId: text('aws.accountId'),
    credentials: pairs(secrets.get('aws.accessKeys') ?? '', ':'),
    strict: text('aws.strict') === 'true',
    messageBytesMax: Number(text('aws.messageBytesMax')),
    advertised,
    sns: {
      privateTargets: list(text('sns.privateTargets')),
      lambdaEndpoints: pairs(text('sns.lambdaEndpoints'), '='),
      smtpUrl: secrets.get('sns.smtpUrl') ?? '',
      emailFrom: text('sns.emailFrom'),
      smsWebhook: text('sns.smsWebhook'),
    },
  };
}

function list(text: string): string[] {
  return text.split(',').filter((entry) => entry !== '');
}

function pairs(text: string, separator: string): Map<string, string> {
  return new Map(
    list(text).map((entry) => {
      const at = entry.indexOf(separator);
      return [entry.slice(0, at), entry.slice(at + separator.length)];
    }),
  );
}
