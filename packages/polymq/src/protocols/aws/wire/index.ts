/** What the rest of the protocol needs of the wire formats. */
export {
  AwsError,
  type AwsErrorCode,
  type AwsWire,
  type BatchFailure,
  batchFailure,
  encodeError,
  type FailedCall,
  JSON_TYPE,
  XML_TYPE,
} from './aws-error.ts';
export { toAwsError } from './broker-errors.ts';
export { decodeJson } from './decode-json.ts';
export { decodeQuery } from './decode-query.ts';
export { encodeJson } from './encode-json.ts';
export { encodeXml, type XmlAnswer } from './encode-xml.ts';
export { type FormPairs, parseForm, parseQueryString } from './form.ts';
export type { Action, ServiceTable, Shape } from './shape.ts';
export { SNS, SNS_NOT_OFFERED } from './sns-actions.ts';
export { SQS } from './sqs-actions.ts';
