/**
 * SQS and SNS spoken by hand: requests as the AWS SDKs send them, byte for byte but for a made-up signature, over one
 * keep-alive connection. SQS is AWS JSON 1.0; SNS is the Query protocol, as in the SDKs.
 */
import { HttpWire, type HttpWireOptions } from './http-wire.ts';

/** What the service answered instead of doing what it was asked. */
export class AwsFailure extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(`${status} ${code}: ${message}`);
    this.name = 'AwsFailure';
    this.code = code;
    this.status = status;
  }
}

export interface RequestParts {
  /** `sqs` or `sns`. */
  service: 'sqs' | 'sns';
  /** As the host header says. */
  host: string;
  /** JSON: the action that `x-amz-target` names; undefined for a form. */
  action?: string | undefined;
  path?: string | undefined;
}

export type Input = Readonly<Record<string, unknown>>;

const TARGET_PREFIX = 'AmazonSQS';
const SIGNATURE = '5f0ba9d5e3a1c7424d0f86b1e9b1a3ccd9f27be7b3d1d6bd30dd0f84c5a7f6e1';
const ACCESS_KEY_ID = 'AKIDEXAMPLE';
const SNS_VERSION = '2010-03-31';

/** A request's head up to `content-length: `, which is the last header. */
export function requestHead({ service, host, action, path = '/' }: RequestParts): string {
  const now = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const target = action === undefined ? [] : [`x-amz-target: ${TARGET_PREFIX}.${action}`];
  const type =
    action === undefined ? 'application/x-www-form-urlencoded' : 'application/x-amz-json-1.0';
  const scope = `${ACCESS_KEY_ID}/${now.slice(0, 8)}/us-east-1/${service}/aws4_request`;
  const signed = `${action === undefined ? '' : 'x-amz-target;'}content-type;host;x-amz-content-sha256;x-amz-date`;
  return [
    `POST ${path} HTTP/1.1`,
    ...target,
    `content-type: ${type}`,
    `x-amz-user-agent: aws-sdk-js/3.940.0`,
    `user-agent: aws-sdk-js/3.940.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#22.0.0 api/${service}#3.940.0 m/E,b`,
    `host: ${host}`,
    'amz-sdk-invocation-id: 4c5cf2b0-6e0f-4a39-9d7e-1f0f7a1f3c55',
    'amz-sdk-request: attempt=1; max=3',
    `x-amz-date: ${now}`,
    `x-amz-content-sha256: ${SIGNATURE}`,
    `authorization: AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${signed}, Signature=${SIGNATURE}`,
    'connection: keep-alive',
    'content-length: ',
  ].join('\r\n');
}

/** A whole request. */
export function requestBytes(parts: RequestParts, body: string): Buffer {
  return Buffer.from(`${requestHead(parts)}${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

export function formBody(action: string, parameters: Readonly<Record<string, string>>): string {
  return new URLSearchParams({ Action: action, Version: SNS_VERSION, ...parameters }).toString();
}

export class AwsClient {
  readonly wire: HttpWire;
  readonly host: string;

  private constructor(wire: HttpWire, host: string) {
    this.wire = wire;
    this.host = host;
  }

  static async connect(options: HttpWireOptions): Promise<AwsClient> {
    const wire = await HttpWire.connect(options);
    return new AwsClient(wire, `${options.host ?? '127.0.0.1'}:${options.port}`);
  }

  /** One SQS action. Throws `AwsFailure` for an answer that says no, another error if none came. */
  async sqs<Output = Record<string, unknown>>(action: string, input: Input): Promise<Output> {
    const parts: RequestParts = { service: 'sqs', host: this.host, action };
    const { status, body } = await this.send(requestBytes(parts, JSON.stringify(input)));
    if (status === 200) return JSON.parse(body || '{}') as Output;
    throw jsonFailure(status, body);
  }

  /** One SNS action, answered in XML. */
  async sns(action: string, parameters: Readonly<Record<string, string>>): Promise<string> {
    const parts: RequestParts = { service: 'sns', host: this.host };
    const { status, body } = await this.send(requestBytes(parts, formBody(action, parameters)));
    if (status === 200) return body;
    throw new AwsFailure(
      status,
      element(body, 'Code') ?? 'unknown',
      element(body, 'Message') ?? '',
    );
  }

  send(request: Buffer | string): Promise<{ status: number; body: string }> {
    const { wire } = this;
    return new Promise((resolve, reject) => {
      if (wire.closed) {
        reject(wire.closed);
        return;
      }
      wire.onClosed = reject;
      wire.request(request, (status, bytes, start, end) => {
        resolve({ status, body: bytes.toString('utf8', start, end) });
      });
    });
  }

  destroy(): void {
    this.wire.destroy();
  }
}

/** The text of the first element of that name in an XML answer. */
export function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

function jsonFailure(status: number, body: string): AwsFailure {
  try {
    const { __type = '', message = '' } = JSON.parse(body) as Record<string, string>;
    return new AwsFailure(status, __type.slice(__type.indexOf('#') + 1), message);
  } catch {
    return new AwsFailure(status, 'no JSON', body.slice(0, 200));
  }
}
