/** Is a coordinator's configuration read strictly, and is every problem named? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { accountIdOf, createAccounts } from '../../../coordinator/accounts.ts';
import { parseCoordinatorConfig } from '../../../coordinator/config.ts';
import type { AccountConfig } from '../../../coordinator/config.ts';
import { parseNodeId } from '../../../shared/ids.ts';

const config = suite('configuration');

const ACCOUNT = { accessKeyId: 'AKIAVESEXAMPLE00001', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', environment: 'playground', name: 'me' };
const GOOD = {
  cell: 'default', clusterUuid: '11111111-2222-4333-8444-555555555555', member: 'coordinator-1', dataDirectory: '/var/lib/ves',
  http: { port: 8080 }, meshListen: '/ip4/127.0.0.1/tcp/4001', presharedKey: Buffer.alloc(32, 7).toString('base64'),
  seeds: [{ id: 'node-1', peerId: '12D3', address: '/ip4/127.0.0.1/tcp/4002' }], accounts: [ACCOUNT],
};

const problem = (change: object): string => {
  try {
    parseCoordinatorConfig(JSON.stringify({ ...GOOD, ...change }));
  } catch (error) {
    return String(error);
  }
  return 'none';
};

config('gets its defaults', () => {
  const parsed = parseCoordinatorConfig(JSON.stringify(GOOD));
  assert.is(parsed.http.host, '127.0.0.1');
  assert.is(parsed.profile, 'standard');
  assert.is(parsed.accounts[0]?.role, 'operator');
  assert.is(parsed.roomSocket, undefined);
});

config('is refused with the path of what is wrong', () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ cell: 'No Cell' }, /cell: not a valid cell id/], [{ http: { port: 70_000 } }, /http\.port/], [{ http: { port: '80' } }, /http\.port/], [{ presharedKey: 'short' }, /presharedKey: not 32 bytes/],
    [{ seeds: [{ id: 'node-1', peerId: '', address: '/ip4' }] }, /seeds\.0\.peerId/], [{ meshListen: '127.0.0.1:80' }, /meshListen: not a multiaddr/], [{ colour: 'red' }, /colour/],
    [{ accounts: [{ ...ACCOUNT, secretAccessKey: 'x' }] }, /accounts\.0\.secretAccessKey/], [{ accounts: [{ ...ACCOUNT, role: 'king' }] }, /accounts\.0\.role/],
    [{ accounts: [ACCOUNT, ACCOUNT] }, /accounts: the access key AKIAVESEXAMPLE00001 is there more than once/], [{ member: undefined }, /member/],
  ];
  for (const [change, pattern] of cases) assert.match(problem(change), pattern);
});

config('names every problem at once', () => {
  assert.match(problem({ cell: '', profile: 'turbo' }), /cell.*profile/);
});

config('never repeats a secret in its problems', () => {
  assert.not.match(problem({ accounts: [{ ...ACCOUNT, secretAccessKey: 'tooshort-secret' }] }), /tooshort/);
  assert.not.match(problem({ presharedKey: 'AAAAsecretAAAA' }), /AAAAsecret/);
});

config('that is no JSON is refused', () => {
  assert.throws(() => parseCoordinatorConfig('{'), /no JSON/);
});

const accounts = suite('accounts');
const account = (fields: Partial<AccountConfig>): AccountConfig => ({ ...ACCOUNT, environment: parseNodeId('playground'), role: 'operator', ...fields });

accounts('are found by their key, with an account id that depends on the environment alone', async () => {
  const found = createAccounts([account({}), account({ accessKeyId: 'AKIAVESEXAMPLE00002', name: 'other' }), account({ accessKeyId: 'AKIAVESEXAMPLE00003', environment: parseNodeId('lab'), role: 'user' })]);
  const [first, second, third] = await Promise.all(['AKIAVESEXAMPLE00001', 'AKIAVESEXAMPLE00002', 'AKIAVESEXAMPLE00003'].map((key) => found.find(key)));
  assert.match(first?.accountId ?? '', /^\d{12}$/);
  assert.is(first?.accountId, second?.accountId);
  assert.is.not(first?.accountId, third?.accountId);
  assert.is(await found.find('AKIANOBODY'), null);
  assert.is(found.isOperator('AKIAVESEXAMPLE00001'), true);
  assert.is(found.isOperator('AKIAVESEXAMPLE00003'), false);
  assert.is(found.isOperator('AKIANOBODY'), false);
});

accounts('keep their ids over versions', () => {
  assert.is(accountIdOf('playground'), '262989325662');
});

config.run();
accounts.run();
