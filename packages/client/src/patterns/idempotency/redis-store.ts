/**
 * Idempotency keys in Redis: a hash per key with the token of its run and its result, which Redis itself forgets in time. Each step
 * is one script, and so atomic. How durable results are is up to the server's settings (`appendfsync`), and a replica that
 * takes over may lack the last ones: then a handler runs again.
 */
import { PolymqError } from '../../errors.ts';
import type { Begun, IdempotencyStore } from './store.ts';

/** What is used of a client of the package `redis`, version 4 or later. */
export interface RedisClient {
  eval(
    script: string,
    options: { readonly keys: string[]; readonly arguments: string[] },
  ): Promise<unknown>;
}

const BEGIN = `
local known = redis.call('HMGET', KEYS[1], 'token', 'result')
if known[2] then return {'done', known[2]} end
if known[1] then return {'running', tostring(redis.call('PTTL', KEYS[1]))} end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'started'}`;

/** Whether the run with that token is still the one; what follows happens only then. */
const FENCE = `
local known = redis.call('HMGET', KEYS[1], 'token', 'result')
if known[1] ~= ARGV[1] or known[2] then return 0 end
`;
const RENEW = `${FENCE} return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;
const COMPLETE = `${FENCE}
redis.call('HSET', KEYS[1], 'result', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;
const RELEASE = `${FENCE} return redis.call('DEL', KEYS[1])`;

export interface RedisStoreOptions {
  /** Before every key. Missing: `polymq:idempotency:`. */
  readonly prefix?: string;
}

/** `client` is connected by the program, which also closes it. Errors of Redis are passed on as they are. */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): IdempotencyStore {
  if (typeof (client as Partial<RedisClient> | undefined)?.eval !== 'function') {
    throw new PolymqError(
      'invalid-argument',
      'redisStore() takes a connected client of the package redis',
    );
  }
  return new RedisStore(client, options.prefix ?? 'polymq:idempotency:');
}

class RedisStore implements IdempotencyStore {
  readonly #client: RedisClient;
  readonly #prefix: string;

  constructor(client: RedisClient, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
  }

  async begin(key: string, token: string, leaseMs: number): Promise<Begun> {
    const [state, more] = (await this.#run(BEGIN, key, [token, ms(leaseMs)])) as string[];
    if (state === 'done') return { state, result: String(more) };
    if (state === 'running') return { state, leaseMs: Math.max(0, Number(more)) };
    return { state: 'started' };
  }

  async renew(key: string, token: string, leaseMs: number): Promise<boolean> {
    return Number(await this.#run(RENEW, key, [token, ms(leaseMs)])) === 1;
  }

  async complete(key: string, token: string, result: string, keepMs: number): Promise<boolean> {
    return Number(await this.#run(COMPLETE, key, [token, ms(keepMs), result])) === 1;
  }

  async release(key: string, token: string): Promise<void> {
    await this.#run(RELEASE, key, [token]);
  }

  #run(script: string, key: string, values: string[]): Promise<unknown> {
    return this.#client.eval(script, { keys: [this.#prefix + key], arguments: values });
  }
}

/** Redis takes whole numbers above 0. */
function ms(value: number): string {
  return String(Math.max(1, Math.ceil(value)));
}
