import { describe, expect, it } from 'vitest';
import { awsFormat, propertiesFrom } from './format.ts';
import { readMessageProperties, writeMessageProperties } from './properties.ts';

const messageId = '01234567-89ab-4def-8123-456789abcdef';

function stored(attributes: object, more: object = {}): Buffer {
  return writeMessageProperties({ messageId, attributes: JSON.stringify(attributes), ...more });
}

describe('messages of SQS and SNS for other protocols', () => {
  it('have their attributes as typed headers', () => {
    const neutral = awsFormat.toNeutral(
      stored({
        text: { DataType: 'String', StringValue: 'x' },
        number: { DataType: 'Number', StringValue: '1.5' },
        bytes: { DataType: 'Binary', BinaryValue: 'AQI=' },
      }),
    );
    expect(neutral).toMatchObject({ messageId, persistent: true });
    expect(neutral.headers).toEqual([
      { name: 'text', value: 'x' },
      { name: 'number', value: 1.5 },
      { name: 'bytes', value: Buffer.from([1, 2]) },
    ]);
  });

  it('come back as they were, types of the user, long numbers and groups included', () => {
    const attributes = {
      int: { DataType: 'Number.int', StringValue: '42' },
      long: { DataType: 'Number', StringValue: '12345678901234567890123' },
      list: { DataType: 'String.Array', StringValue: '["a"]' },
    };
    const neutral = awsFormat.toNeutral(stored(attributes, { groupId: 'g', subject: 's' }));
    const back = propertiesFrom(neutral, messageId);
    expect(JSON.parse(back.attributes!)).toEqual(attributes);
    expect(back).toMatchObject({ groupId: 'g', subject: 's' });
  });

  it('are routed by numbers and arrays as such', () => {
    const headers = awsFormat.headers(
      stored({
        price: { DataType: 'Number', StringValue: '10' },
        colours: { DataType: 'String.Array', StringValue: '["red","blue"]' },
      }),
    );
    expect(Object.fromEntries(headers)).toEqual({ price: 10, colours: ['red', 'blue'] });
  });
});

describe('messages of other protocols for SQS', () => {
  it('show headers and well-known properties as attributes', () => {
    const properties = propertiesFrom(
      {
        headers: [
          { name: 'retries', value: 3 },
          { name: 'raw', value: Buffer.from([255]) },
          { name: 'nested', value: { a: [1] } },
        ],
        contentType: 'text/plain',
        correlationId: 'c1',
      },
      messageId,
    );
    const read = readMessageProperties(writeMessageProperties(properties));
    expect(JSON.parse(read.attributes!)).toEqual({
      retries: { DataType: 'Number', StringValue: '3' },
      raw: { DataType: 'Binary', BinaryValue: '/w==' },
      nested: { DataType: 'String', StringValue: '{"a":[1]}' },
      contentType: { DataType: 'String', StringValue: 'text/plain' },
      correlationId: { DataType: 'String', StringValue: 'c1' },
    });
  });
});
