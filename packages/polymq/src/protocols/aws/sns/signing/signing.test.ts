import { spawnSync } from 'node:child_process';
import { createHash, createVerify, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type Notification, renderConfirmation } from '../envelope.ts';
import { SnsKit, topicArn } from '../testing/kit.ts';
import { pemOf, selfSignedCertificate } from './certificate.ts';
import { integer, objectIdentifier, sequence, time } from './der.ts';
import { openSigner } from './signer.ts';

const DAY_MS = 86_400_000;
const OPENSSL = 'openssl';
const NOW_MS = 1_700_000_000_000;

describe('DER', () => {
  it('writes values as X.690 has them', () => {
    expect(integer(Buffer.of(0, 0, 5)).toString('hex')).toBe('020105');
    expect(integer(Buffer.of(0x80)).toString('hex')).toBe('02020080');
    expect(objectIdentifier('1.2.840.113549.1.1.11').toString('hex')).toBe(
      '06092a864886f70d01010b',
    );
    expect(sequence(Buffer.alloc(127)).subarray(0, 2).toString('hex')).toBe('307f');
    expect(sequence(Buffer.alloc(128)).subarray(0, 3).toString('hex')).toBe('308180');
    expect(sequence(Buffer.alloc(65_536)).subarray(0, 5).toString('hex')).toBe('3083010000');
  });

  it('writes years beyond 2049 with four digits', () => {
    expect(
      time(Date.UTC(2049, 11, 31, 23, 59, 59))
        .toString('latin1')
        .slice(2),
    ).toBe('491231235959Z');
    const later = time(Date.UTC(2050, 0, 1));
    expect(later[0]).toBe(0x18);
    expect(later.toString('latin1').slice(2)).toBe('20500101000000Z');
  });
});

describe('the certificate', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const der = selfSignedCertificate({
    privateKey,
    publicKey,
    commonName: 'sns.polymq',
    serial: Buffer.from('ff00112233445566778899aabbccddee', 'hex'),
    notBeforeMs: NOW_MS,
    notAfterMs: NOW_MS + DAY_MS,
  });

  it('is read back by the runtime', () => {
    const read = new X509Certificate(pemOf(der));
    expect(read.subject).toBe('CN=sns.polymq');
    expect(read.issuer).toBe('CN=sns.polymq');
    expect(read.serialNumber).toBe('FF00112233445566778899AABBCCDDEE');
    expect(Date.parse(read.validFrom)).toBe(NOW_MS);
    expect(Date.parse(read.validTo)).toBe(NOW_MS + DAY_MS);
    expect(read.ca).toBe(false);
    expect(read.verify(publicKey)).toBe(true);
    expect(read.publicKey.equals(publicKey)).toBe(true);
  });

  it('is read and verified by OpenSSL', () => {
    const pem = pemOf(der);
    const { stdout, error } = spawnSync(OPENSSL, ['x509', '-noout', '-text'], { input: pem });
    // The tool is not on every machine; the runtime has read the certificate above.
    if (error !== undefined) return;
    const text = stdout.toString();
    expect(text).toContain('Version: 3 (0x2)');
    expect(text).toContain('Signature Algorithm: sha256WithRSAEncryption');
    expect(text).toContain('CA:FALSE');
    expect(text).toContain('Digital Signature');
    expect(text).toContain('Subject Key Identifier');
  });
});

describe('notifications', () => {
  let kit: SnsKit;
  afterEach(() => kit.destroy());

  async function notification(
    attributes: Record<string, string>,
    more: object = {},
  ): Promise<Notification> {
    kit = await SnsKit.open();
    await kit.topic('news', attributes);
    await kit.createQueue('inbox');
    await kit.subscribe('news', 'inbox');
    await kit.publish('news', 'hällo\nworld', more);
    const [message] = await kit.receive('inbox');
    return JSON.parse(message.Body) as Notification;
  }

  it.each([
    ['2', {}, 'RSA-SHA256'],
    ['1', { SignatureVersion: '1' }, 'RSA-SHA1'],
  ])('verify by the documentation, version %s', async (version, attributes, algorithm) => {
    const received = await notification(attributes, { Subject: 'greeting' });
    expect(received.SignatureVersion).toBe(version);
    expect(await isGenuine(kit, received, algorithm)).toBe(true);
    const forged = { ...received, Message: 'other' };
    expect(await isGenuine(kit, forged, algorithm)).toBe(false);
  });

  it('verify without a subject', async () => {
    const received = await notification({});
    expect(received).not.toHaveProperty('Subject');
    expect(await isGenuine(kit, received, 'RSA-SHA256')).toBe(true);
  });

  it('have their members in the order of AWS', async () => {
    const attribute = { DataType: 'Number', StringValue: '1' };
    const more = { Subject: 'greeting', MessageAttributes: { count: attribute } };
    expect(Object.keys(await notification({}, more))).toEqual([
      'Type',
      'MessageId',
      'TopicArn',
      'Subject',
      'Message',
      'Timestamp',
      'SignatureVersion',
      'Signature',
      'SigningCertURL',
      'UnsubscribeURL',
      'MessageAttributes',
    ]);
  });

  it('verify with the same certificate after a restart', async () => {
    const received = await notification({});
    kit = await kit.restart();
    expect(await isGenuine(kit, received, 'RSA-SHA256')).toBe(true);
  });

  it('are signed once for all who get the same text', async () => {
    kit = await SnsKit.open();
    const { signer } = await kit.sns.opened;
    const first = signer.sign('text', '2', 'a');
    expect(signer.sign('text', '2', 'a')).toBe(first);
    expect(signer.sign('text', '2', 'b')).not.toBe(first);
  });

  it('that ask to confirm verify by the documentation', async () => {
    kit = await SnsKit.open();
    const signer = await openSigner(kit.broker.documents, kit.core.environment);
    const text = await renderConfirmation({
      type: 'SubscriptionConfirmation',
      messageId: 'id',
      token: 'token',
      topicArn: topicArn('news'),
      timestampMs: NOW_MS,
      origin: 'http://broker:9324',
      signatureVersion: '2',
      signer,
    });
    const received = JSON.parse(text) as Notification & { SubscribeURL: string };
    expect(received.SubscribeURL).toBe(
      `http://broker:9324/?Action=ConfirmSubscription&TopicArn=${topicArn('news')}&Token=token`,
    );
    expect(await isGenuine(kit, received, 'RSA-SHA256')).toBe(true);
  });
});

const SIGNED = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: [
    ...['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  ],
};

/** As the documentation of SNS tells receivers to verify, with the certificate fetched from where the message says. */
async function isGenuine(
  kit: SnsKit,
  message: Pick<Notification, 'SigningCertURL' | 'Signature'> & { Type: string },
  algorithm: string,
): Promise<boolean> {
  const { pathname } = new URL(message.SigningCertURL);
  const { body: pem } = (await kit.get(pathname))!;
  const certificate = new X509Certificate(pem.toString());
  const digest = createHash('sha256').update(certificate.raw).digest('hex');
  expect(pathname).toBe(`/SimpleNotificationService-${digest.slice(0, 32)}.pem`);
  const values = message as unknown as Record<string, string | undefined>;
  const verify = createVerify(algorithm);
  for (const name of SIGNED[message.Type as keyof typeof SIGNED]) {
    if (values[name] !== undefined) verify.update(`${name}\n${values[name]}\n`);
  }
  return verify.verify(certificate.publicKey, message.Signature, 'base64');
}
