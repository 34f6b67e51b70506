/**
 * A self-signed certificate (X.509 v3, RFC 5280) for the key that notifications are signed with. Node has no way to make one.
 *
 *   Certificate ::= SEQUENCE { tbs, algorithm, BIT STRING signature of tbs }
 *   tbs         ::= SEQUENCE { [0] version, serial, algorithm, issuer, validity, subject, key, [3] extensions }
 */
import { createHash, type KeyObject, sign } from 'node:crypto';
import {
  bitString,
  boolean,
  explicit,
  integer,
  none,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

export interface CertificateOptions {
  privateKey: KeyObject;
  publicKey: KeyObject;
  commonName: string;
  /** 16 random bytes. */
  serial: Buffer;
  notBeforeMs: number;
  notAfterMs: number;
}

const OID = {
  commonName: '2.5.4.3',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
} as const;

const VERSION_3 = 2;
const LINE_LENGTH = 64;

/** The certificate in DER. */
export function selfSignedCertificate(options: CertificateOptions): Buffer {
  const { privateKey, publicKey, commonName, serial, notBeforeMs, notAfterMs } = options;
  const algorithm = sequence(objectIdentifier(OID.sha256WithRsa), none());
  const name = sequence(set(sequence(objectIdentifier(OID.commonName), utf8String(commonName))));
  const key = publicKey.export({ type: 'spki', format: 'der' });
  const tbs = sequence(
    explicit(0, integer(Buffer.of(VERSION_3))),
    integer(serial),
    algorithm,
    name,
    sequence(time(notBeforeMs), time(notAfterMs)),
    name,
    key,
    explicit(3, extensions(publicKey)),
  );
  return sequence(tbs, algorithm, bitString(sign('sha256', tbs, privateKey)));
}

export function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** It signs messages, and no other certificates. */
function extensions(publicKey: KeyObject): Buffer {
  const keyBytes = publicKey.export({ type: 'pkcs1', format: 'der' });
  const identifier = createHash('sha1').update(keyBytes).digest();
  const digitalSignature = bitString(Buffer.of(0x80), 7);
  return sequence(
    extension(OID.basicConstraints, sequence(), true),
    extension(OID.keyUsage, digitalSignature, true),
    extension(OID.subjectKeyIdentifier, octetString(identifier), false),
  );
}

function extension(oid: string, value: Buffer, critical: boolean): Buffer {
  const parts = [objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value)];
  return sequence(...parts);
}
