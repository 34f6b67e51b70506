/** What the rest of the protocol needs of the codec. */
export { type AnyMethod, METHODS, type MethodName, type Methods } from '../methods/index.ts';
export { FieldDecimal, type FieldTable, FieldTimestamp, type FieldValue } from '../methods/row.ts';
export { AmqpSyntaxError } from './amqp-syntax-error.ts';
export {
  editHeaders,
  editProperties,
  editTable,
  type PropertyChanges,
  type TableChanges,
} from './edit-properties.ts';
export { readFieldAt, readTable } from './field-reader.ts';
export { writeTable } from './field-writer.ts';
export {
  acceptsProtocolHeader,
  checkFrameEnd,
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEADER_BYTES,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  FRAME_MIN_BYTES,
  FRAME_OVERHEAD_BYTES,
  frameBytes,
  frameChannel,
  frameType,
  HEARTBEAT_FRAME,
  PROTOCOL_HEADER,
  PROTOCOL_HEADER_BYTES,
  uint32At,
} from './frame.ts';
export { contentHeader, readProperties } from './properties.ts';
export type { BasicProperties } from './property-list.ts';
export {
  BASIC_ACK,
  BASIC_PUBLISH,
  PublishScan,
  scanPublish,
  tagAt,
  tagBitsAt,
} from './read-hot.ts';
export { methodNameAt, readMethod } from './read-method.ts';
export { isHardError, REPLY_NAME } from './reply-code.ts';
export { PropertiesScan, scanProperties } from './scan-properties.ts';
export { checkTable, findInTable } from './scan-table.ts';
export {
  ACK_BYTES,
  contentBytes,
  deliverBytes,
  deliverPrefix,
  getOkBytes,
  NACK_BYTES,
  returnBytes,
  returnReason,
  writeAck,
  writeContent,
  writeDeliver,
  writeFrameHeader,
  writeGetOk,
  writeNack,
  writeReturn,
} from './write-hot.ts';
export { methodFrame } from './write-method.ts';
