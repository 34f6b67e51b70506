import { describe, expect, it } from 'vitest';
import { advertisedAddress, gatewayOf } from './advertised-address.ts';

const connection = { remoteAddress: '172.17.0.1', localAddress: '172.17.0.2', localPort: 9092 };

describe('advertisedAddress', () => {
  it('is what the operator set, before all else', () => {
    const configured = { host: 'broker.example', port: 29092 };
    expect(advertisedAddress(connection, configured, '172.17.0.1')).toEqual(configured);
  });

  it('is localhost for a peer that came through a published container port', () => {
    expect(advertisedAddress(connection, undefined, '172.17.0.1')).toEqual({
      host: 'localhost',
      port: 9092,
    });
  });

  it('is the address that the client reached otherwise', () => {
    expect(advertisedAddress(connection, undefined, undefined)).toEqual({
      host: '172.17.0.2',
      port: 9092,
    });
  });
});

describe('gatewayOf', () => {
  it('finds the default route in the little-endian table of the kernel', () => {
    const table =
      'Iface\tDestination\tGateway\tFlags\n' +
      'eth0\t0011A8C0\t00000000\t0001\n' +
      'eth0\t00000000\t010011AC\t0003\n';
    expect(gatewayOf(table)).toBe('172.17.0.1');
  });

  it('is undefined without a default route', () => {
    expect(gatewayOf('Iface\tDestination\tGateway\n')).toBeUndefined();
  });
});
