import { PolymqError } from '../../errors.ts';

/** What the driver uses of node-redis, which 4, 5 and 6 have in common. */
export interface NodeRedis {
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  destroy?(): void;
  disconnect(): Promise<unknown>;
  duplicate(): NodeRedis;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'ready' | 'reconnecting' | 'end', listener: () => void): unknown;
  publish(channel: string, message: Buffer): Promise<number>;
  subscribe(channel: string, listener: (message: Buffer) => void, asBuffer: true): Promise<void>;
  unsubscribe(channel: string, listener: (message: Buffer) => void, asBuffer: true): Promise<void>;
  pubSubChannels(pattern: string): Promise<string[]>;
}

/** Throws `missing-package`. */
export async function loadLibrary(): Promise<(options: object) => NodeRedis> {
  try {
    const { createClient } = await import('redis');
    return createClient as unknown as (options: object) => NodeRedis;
  } catch (cause) {
    throw new PolymqError(
      'missing-package',
      'redis:// needs the package redis, which cannot be loaded: npm install redis',
      { cause },
    );
  }
}
