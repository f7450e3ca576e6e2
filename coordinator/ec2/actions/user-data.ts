/**
 * Is this user data that an instance can be given? Base64 of at most 16 KiB, as in EC2.
 */
import { Ec2Error } from '../errors.ts';

/** Decoded size: EC2 user guide, "User data is limited to 16 KB, in raw form". */
const USER_DATA_BYTES_MAX = 16_384;

/** The base64 text without line breaks (clients wrap it), or null. Throws Ec2Error. */
export function checkUserData(text: string | undefined): string | null {
  if (text === undefined) return null;
  const base64 = text.replace(/[\r\n]/g, '');
  if (base64 === '') return null;
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new Ec2Error('InvalidUserData.Malformed', 'User data must be base64.');
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  if ((base64.length / 4) * 3 - padding > USER_DATA_BYTES_MAX) throw new Ec2Error('InvalidParameterValue', `User data is limited to ${USER_DATA_BYTES_MAX} bytes`);
  return base64;
}
