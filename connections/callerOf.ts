import { isIP } from 'node:net';

/** Whom an address stands for: of IPv6 its network of 64 bits, since whoever has one address there has them all. */
export function callerOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const left = address.includes('::') ? new Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0') : [];
  return [...head, ...left, ...tail].slice(0, 4).join(':');
}
