/** Where projections keep how far they have come. */
import { randomUUID } from 'node:crypto';
import type { EventLogDriver } from '../../driver/driver.ts';
import type { Clock } from '../../lib/clock.ts';
import { decodeData } from '../../message/codec.ts';
import type { SqlQueries } from '../../sql/database.ts';
import type { SqlSchema } from '../../sql/migrate.ts';
import type { CheckpointStore } from './projection.ts';

export const CHECKPOINTS_SCHEMA: SqlSchema = {
  name: 'polymq_checkpoints',
  steps: [
    {
      postgresql: [
        'create table polymq_checkpoints (name text primary key, position text, moved bigint not null default 0)',
      ],
      sqlite: [
        'create table polymq_checkpoints (name text primary key, position text, moved integer not null default 0)',
      ],
    },
  ],
};

/** The position of a projection. In a transaction, nobody else can move it until that ends. */
export async function readCheckpoint(db: SqlQueries, name: string): Promise<string | undefined> {
  const lock = db.dialect === 'postgresql' ? ' for update' : '';
  const { rows } = await db.query(
    `select position from polymq_checkpoints where name = $1${lock}`,
    [name],
  );
  const position = rows[0]?.['position'];
  return position === undefined || position === null ? undefined : String(position);
}

/** Makes the row that `readCheckpoint` locks. */
export async function makeCheckpoint(db: SqlQueries, name: string): Promise<void> {
  await db.query(
    'insert into polymq_checkpoints (name) values ($1) on conflict (name) do nothing',
    [name],
  );
}

export async function writeCheckpoint(
  db: SqlQueries,
  name: string,
  position: string | undefined,
): Promise<void> {
  await db.query('update polymq_checkpoints set position = $2, moved = moved + 1 where name = $1', [
    name,
    position ?? null,
  ]);
}

/** As events of the store `<store>.checkpoints`, one stream per projection: the last one counts. */
export class LoggedCheckpoints implements CheckpointStore {
  readonly #log: EventLogDriver;
  readonly #store: string;
  readonly #clock: Clock;

  constructor(log: EventLogDriver, store: string, clock: Clock) {
    this.#log = log;
    this.#store = `${store}.checkpoints`;
    this.#clock = clock;
  }

  async load(projection: string): Promise<string | undefined> {
    const version = await this.#log.version(this.#store, projection);
    if (version === 0) return undefined;
    const [last] = await this.#log.readStream(this.#store, projection, version, 1);
    const position = last && (decodeData(last.body, last.contentType) as { position?: string });
    return position?.position;
  }

  async save(projection: string, position: string | undefined): Promise<void> {
    const message = {
      id: randomUUID(),
      type: 'checkpoint',
      body: Buffer.from(JSON.stringify({ position })),
      contentType: 'application/json',
      headers: {},
      timestampMs: this.#clock.nowMs(),
    };
    await this.#log.append(this.#store, projection, [message], undefined);
  }
}
