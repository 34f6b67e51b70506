import type { HttpExchange } from '../../net/http/http-exchange.ts';

/** Who calls, and from where: what handlers need to know of a request beside its input. */
export interface AwsCall {
  /** As in answers: a UUID. */
  readonly requestId: string;
  /** How the client reached this broker, such as `http://127.0.0.1:9324`: URLs in answers begin with it. */
  readonly origin: string;
  readonly region: string;
  readonly accountId: string;
  /** Of who signed the request; the account's if nobody did. */
  readonly accessKeyId: string;
  /** Set where a client may wait: it may go meanwhile. */
  readonly exchange: HttpExchange;
}

/** Answers one action. Throws or rejects with `AwsError`, or `BrokerError`, which is translated. */
export type AwsHandler = (
  // biome-ignore lint/suspicious/noExplicitAny: the action's table has checked the input
  input: any,
  call: AwsCall,
) => object | Promise<object>;
