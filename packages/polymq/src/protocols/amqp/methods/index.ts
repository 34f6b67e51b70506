/** Every method of AMQP 0-9-1 as RabbitMQ speaks it, by name, with the types of its arguments. */
import { access } from './access.ts';
import { basic } from './basic.ts';
import { channel } from './channel.ts';
import { confirm } from './confirm.ts';
import { connection } from './connection.ts';
import { exchange } from './exchange.ts';
import { queue } from './queue.ts';
import type { ArgsInputOf, ArgsOf, MethodRow } from './row.ts';
import { tx } from './tx.ts';

type Table = typeof connection &
  typeof channel &
  typeof access &
  typeof exchange &
  typeof queue &
  typeof basic &
  typeof confirm &
  typeof tx;

export type MethodName = keyof Table;

/** Arguments as read: `Methods['queue.declare'].durable` is a boolean. */
export type Methods = { readonly [Name in MethodName]: ArgsOf<Table[Name]> };

/** Arguments to be written; bits default to false and tables to empty. */
export type MethodInputs = { readonly [Name in MethodName]: ArgsInputOf<Table[Name]> };

/** A method that was read: `method` says which, and so what `args` holds. */
export type AnyMethod = {
  readonly [Name in MethodName]: { readonly method: Name; readonly args: Methods[Name] };
}[MethodName];

export const METHODS: Readonly<Record<MethodName, MethodRow>> = {
  ...connection,
  ...channel,
  ...access,
  ...exchange,
  ...queue,
  ...basic,
  ...confirm,
  ...tx,
};

/** Class and method id as the four octets in front of the arguments, in one number. */
export function methodKey(name: MethodName): number {
  const [classId, methodId] = METHODS[name].id;
  return classId * 0x1_0000 + methodId;
}
