/**
 * How is a long list cut into pages? By the key of the last record shown, so that what comes and goes meanwhile neither
 * repeats nor hides a record that stays.
 */
import { Ec2Error, invalidValue } from './errors.ts';

/** MaxResults and NextToken, as every describing action has them. */
export interface PageRequest {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface PageRules {
  /** Name of the list, part of its tokens: a token of one action is no token of another. */
  readonly list: string;
  readonly resultsMin: number;
  readonly resultsMax: number;
}

export interface Page<T> {
  readonly records: readonly T[];
  readonly nextToken: string | undefined;
}

const KEY_LENGTH_MAX = 400;

/**
 * Cuts the page. `records` are sorted by `keyOf`, which is unique (compared by UTF-16 units). Without MaxResults everything that follows the
 * token is shown. Throws Ec2Error for a MaxResults out of range and a token that is none.
 */
export function cutPage<T>(records: readonly T[], keyOf: (record: T) => string, request: PageRequest, rules: PageRules): Page<T> {
  const { MaxResults: results } = request;
  if (results !== undefined && (results < rules.resultsMin || results > rules.resultsMax)) {
    throw invalidValue('MaxResults', results, `It must be between ${rules.resultsMin} and ${rules.resultsMax}.`);
  }
  const after = request.NextToken === undefined ? undefined : keyOfToken(request.NextToken, rules.list);
  const rest = after === undefined ? records : records.filter((record) => keyOf(record) > after);
  if (results === undefined || rest.length <= results) return { records: rest, nextToken: undefined };
  const shown = rest.slice(0, results);
  const last = shown.at(-1);
  return { records: shown, nextToken: last === undefined ? undefined : tokenOf(keyOf(last), rules.list) };
}

function tokenOf(key: string, list: string): string {
  return Buffer.from(JSON.stringify([list, key])).toString('base64url');
}

function keyOfToken(token: string, list: string): string {
  const invalid = (cause?: unknown): Ec2Error => new Ec2Error('InvalidPaginationToken', 'The specified pagination token is not valid', { cause });
  if (token.length > 2 * KEY_LENGTH_MAX || !/^[\w-]+$/.test(token)) throw invalid();
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch (cause) {
    throw invalid(cause);
  }
  if (!Array.isArray(parsed) || parsed.length !== 2 || parsed[0] !== list || typeof parsed[1] !== 'string') throw invalid();
  return parsed[1];
}
