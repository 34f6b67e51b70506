/** Names of things as AWS writes them: `arn:aws:sqs:us-east-1:000000000000:orders`. */
export interface Arn {
  service: string;
  region: string;
  accountId: string;
  resource: string;
}

export function formatArn({ service, region, accountId, resource }: Arn): string {
  return `arn:aws:${service}:${region}:${accountId}:${resource}`;
}

/** Undefined if it is none. Any partition will do. */
export function parseArn(text: string): Arn | undefined {
  const [prefix, partition, service, region, accountId, ...rest] = text.split(':', 7);
  const resource = rest.length === 0 ? '' : text.split(':').slice(5).join(':');
  if (prefix !== 'arn' || !partition || !service || resource === '') return undefined;
  return { service, region: region ?? '', accountId: accountId ?? '', resource };
}
