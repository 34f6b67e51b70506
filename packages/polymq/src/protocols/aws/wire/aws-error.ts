/**
 * Errors as clients of AWS see them.
 *
 *   JSON:  {"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"…"}     and a header x-amzn-query-error: <query code>;Sender
 *   Query: <ErrorResponse xmlns="…"><Error><Type>Sender</Type><Code>…</Code><Message>…</Message><Detail/></Error>
 *          <RequestId>…</RequestId></ErrorResponse>
 *
 * SDKs find their exception class by the JSON type, or by the query code.
 */
import type { HttpAnswer } from '../../../net/http/http-exchange.ts';
import { type AwsErrorCode, errorRow } from './error-tables.ts';
import type { ServiceTable } from './shape.ts';
import { escapeXml } from './xml-text.ts';

export type { AwsErrorCode } from './error-tables.ts';

/** Messages tell what was sent, and that may be long. */
const MESSAGE_CHARS_MAX = 1024;

/** A refusal. The message is for the client. */
export class AwsError extends Error {
  readonly code: AwsErrorCode;

  constructor(code: AwsErrorCode, message: string, options?: ErrorOptions) {
    super(clip(message), options);
    this.name = 'AwsError';
    this.code = code;
  }
}

function clip(message: string): string {
  return message.length <= MESSAGE_CHARS_MAX ? message : `${message.slice(0, MESSAGE_CHARS_MAX)}…`;
}

export type AwsWire = 'json' | 'query';

export const JSON_TYPE = 'application/x-amz-json-1.0';
export const XML_TYPE = 'text/xml';

/** For an entry of a batch that failed. */
export interface BatchFailure {
  Id: string;
  Code: string;
  Message: string;
  SenderFault: boolean;
}

/** As in `Failed` of a batch's answer: with the query code, on both wires. */
export function batchFailure(service: string, id: string, error: AwsError): BatchFailure {
  const { query, fault } = errorRow(service, error.code);
  return { Id: id, Code: query, Message: error.message, SenderFault: fault === 'Sender' };
}

export interface FailedCall {
  readonly wire: AwsWire;
  readonly service: ServiceTable;
  readonly error: AwsError;
  readonly requestId: string;
}

export function encodeError({ wire, service, error, requestId }: FailedCall): HttpAnswer {
  const { json, namespace, query, status, fault } = errorRow(service.service, error.code);
  if (wire === 'query') {
    return {
      status,
      contentType: XML_TYPE,
      headers: [['x-amzn-requestid', requestId]],
      body:
        `<?xml version="1.0"?><ErrorResponse xmlns="${service.xmlNamespace}"><Error>` +
        `<Type>${fault}</Type><Code>${query}</Code><Message>${escapeXml(queryMessage(error))}</Message>` +
        `<Detail/></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
    };
  }
  return {
    status,
    contentType: JSON_TYPE,
    headers: [
      ['x-amzn-requestid', requestId],
      ['x-amzn-query-error', `${query};${fault}`],
    ],
    body: JSON.stringify({ __type: `${namespace}#${json}`, message: error.message }),
  };
}

const NO_QUEUE = 'The specified queue does not exist.';

/** The oldest of AWS's messages still speaks of WSDL, and programs compare it. */
function queryMessage({ code, message }: AwsError): string {
  if (code !== 'QueueDoesNotExist' || message !== NO_QUEUE) return message;
  return 'The specified queue does not exist for this wsdl version.';
}
