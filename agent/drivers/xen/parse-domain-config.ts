/**
 * What does a configuration file say that we wrote? A strict reader of exactly what the builder writes, to check it.
 */
import { ClusterError } from '../../../shared/errors.ts';

const LINE = /^([a-z_]+) = (?:(\d+)|"([^"\\]*)"|\[ ((?:"[^"\\]*"(?:, "[^"\\]*")*)?) \])$/;

/** Reads assignments line by line. Throws ClusterError `InvalidDomainConfig` on anything else, also on a name that comes twice. */
export function parseDomainConfig(text: string): ReadonlyMap<string, string | number | readonly string[]> {
  const values = new Map<string, string | number | readonly string[]>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const match = LINE.exec(line);
    const name = match?.[1];
    if (match === null || name === undefined || values.has(name)) throw new ClusterError('InvalidDomainConfig', `not an assignment of ours: ${JSON.stringify(line.slice(0, 80))}`, { retryable: false });
    if (match[2] !== undefined) values.set(name, Number(match[2]));
    else if (match[3] !== undefined) values.set(name, match[3]);
    else values.set(name, [...(match[4] ?? '').matchAll(/"([^"]*)"/g)].map((item) => item[1] ?? ''));
  }
  return values;
}
