/** The two ways to log in with a name and a password (RFC 4616, and RabbitMQ's AMQPLAIN). */
import { readTable } from './codec/index.ts';

export const MECHANISMS: readonly string[] = ['PLAIN', 'AMQPLAIN'];

export interface Login {
  user: string;
  password: string;
}

/** `undefined`: the mechanism or the response is none of ours. */
export function credentials(mechanism: string, response: Buffer): Login | undefined {
  if (mechanism === 'PLAIN') return plain(response);
  return mechanism === 'AMQPLAIN' ? amqplain(response) : undefined;
}

/** `authzid NUL authcid NUL password` */
function plain(response: Buffer): Login | undefined {
  const [, user, password, ...rest] = response.toString('utf8').split('\0');
  return user === undefined || password === undefined || rest.length > 0
    ? undefined
    : { user, password };
}

/** The entries of a field table, without its length. */
function amqplain(response: Buffer): Login | undefined {
  const table = readTable(response, 0, response.length);
  const user = table['LOGIN'];
  const password = table['PASSWORD'];
  return typeof user === 'string' && typeof password === 'string' ? { user, password } : undefined;
}
