/** Does the keeper in C read and write the same as the one in TypeScript: datagrams, seals, JSON, messages, its configuration? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHash, createHmac } from 'node:crypto';
import { parseKeeperConfig } from '../../../../../agent/keeper/config.ts';
import { parseBootId, parseCellId, parseMemberId, parseNodeId } from '../../../../../shared/ids.ts';
import { isJsonObject } from '../../../../../shared/json.ts';
import { createSealerFrom } from '../../../../../shared/net/lease-seal.ts';
import { TIMING_PROFILES } from '../../../../../shared/model/timing.ts';
import { parseAgentMessage } from '../../../../../shared/wire/keeper.ts';
import type { KeeperCell, LeaseVoter } from '../../../../../shared/wire/keeper.ts';
import { constantsHash, decodeLease, encodeGrant, encodeRenewal } from '../../../../../shared/wire/lease.ts';
import type { Grant } from '../../../../../shared/wire/lease.ts';
import { BUILD_NAMES, Choices, hexOf, NativeCheck, noCompiler } from './native-check.ts';

const CLUSTER = '11111111-2222-4333-8444-5555555555ab';
const BOOT = parseBootId('a1b2c3d4-2222-4333-8444-555555555555');
const self = parseNodeId('node-1');
const STATUSES: readonly Grant['status'][] = ['granted', 'fenced', 'notAdmitted', 'wrongProfile', 'wrongCluster'];

function voter(random: Choices, name: string): LeaseVoter {
  return { id: parseMemberId(name), leaseAddress: `127.0.0.1:${7000 + random.below(100)}`, sendKey: hexOf(random.bytes(32)), receiveKey: hexOf(random.bytes(32)) };
}

const nodes = new Choices(7);
/** A name whose mark in a seal is that of `name`. */
function twinOf(name: string): string {
  const markOf = (id: string): string => hexOf(createSealerFrom(parseMemberId(id), new Map([[self, { sendKey: '00'.repeat(32), receiveKey: '' }]])).seal(self, new Uint8Array())?.subarray(1, 3) ?? new Uint8Array());
  const mark = markOf(name);
  for (let number = 1; number < 2_000_000; number += 1) if (markOf(`twin-${number}`) === mark) return `twin-${number}`;
  throw new Error(`no twin of ${name}`);
}

const CELL: KeeperCell = { kind: 'cell', cell: parseCellId('default'), clusterUuid: CLUSTER, profile: 'standard', voters: [voter(nodes, 'node-1'), voter(nodes, 'n'), voter(nodes, 'a-node-with-the-longest-name-1'), voter(nodes, twinOf('n'))] };
/** A voter's end: what it sends we receive. */
const endOf = (one: LeaseVoter): ReturnType<typeof createSealerFrom> => createSealerFrom(one.id, new Map([[self, { sendKey: one.receiveKey, receiveKey: one.sendKey }]]));
const cellQuestion = (cell: KeeperCell): string => `M ${hexOf(JSON.stringify(cell))}`;

/** A text after a few random changes: bytes cut out, doubled, replaced by ones that mean something. */
function spoil(random: Choices, text: string): string {
  let spoilt = text;
  for (let count = 1 + random.below(2); count > 0; count -= 1) {
    const at = random.below(spoilt.length + 1);
    const piece = random.pick(['', '"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', '.', 'e', ' ', '\t', '\u0001', 'u', 'null', '\\u00e9', '\\ud83d\\ude00', '\\ud800', '\u00e9', '00', '1e5']);
    spoilt = spoilt.slice(0, at) + piece + spoilt.slice(at + random.below(3));
  }
  return spoilt;
}

/** As the check writes a value: a lone surrogate as U+FFFD (as UTF-8 has it), what it cannot hold as null. */
function asWritten(value: unknown): unknown {
  if (typeof value === 'string') return value.includes('\0') ? null : value.toWellFormed();
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return isJsonObject(value) ? Object.fromEntries(Object.entries(value).map(([name, field]) => [name.toWellFormed(), field])) : value;
}

/** The value that came back, or `refused`. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text, (_, value: unknown) => asWritten(value));
  } catch {
    return 'refused';
  }
};

for (const build of BUILD_NAMES) {
  const words = suite(`the words of the keeper in C, ${build},`);
  const prove = noCompiler === null ? words : words.skip;
  const check = new NativeCheck(build);
  words.after(() => check.remove());

  prove('have the digests of FIPS 180-4 and RFC 2104', () => {
    const random = new Choices(1);
    const samples = Array.from({ length: 300 }, (_, length) => ({ key: random.bytes(32), bytes: random.bytes(length) }));
    const answers = check.ask(samples.map(({ key, bytes }) => `D ${hexOf(key)} ${hexOf(bytes)}`));
    for (const [at, { key, bytes }] of samples.entries()) {
      assert.is(answers[at], `${createHash('sha256').update(bytes).digest('hex')} ${createHmac('sha256', key).update(bytes).digest('hex')}`, `${bytes.length} bytes`);
    }
  });

  prove('are JSON exactly where JSON.parse takes it', () => {
    const random = new Choices(2);
    const sound = [
      JSON.stringify(CELL), '{"kind":"disarm","allowed":true}', '{"id":7,"value":null}', '{"id":8,"error":{"code":"X","message":"it \\"said\\"\\n\\u00fc \\ud83d\\ude00","retryable":false}}', ' [ ] ', '[[],{},[{}]]',
      '{"a":1,"b":-0.5,"c":1e3,"d":2.5E-7,"e":12345678901234567890}', '"\\/\\b\\f\\n\\r\\t\\u0041"', '{"a":1,"a":2}', '0', '-0', 'true', '\u00fc', '"\u00fc"', '[1,]', '{"a":}', '01', '1.', '.5', '-', '+1', '1e', 'nul', '"\\x"', '"\\u12g4"', '"', '', ' ', '{"a" 1}', '{a:1}', '[1 2]', '1 2', '\ufeff1', '"a\u0000b"', '\u0000', '1\u0000',
    ];
    const texts = [...sound, ...Array.from({ length: 6_000 }, () => spoil(random, random.pick(sound)))];
    const answers = check.ask(texts.map((text) => `J ${hexOf(text)}`));
    let taken = 0;
    for (const [at, text] of texts.entries()) {
      const expected = parsed(text);
      taken += expected === 'refused' ? 0 : 1;
      assert.equal(answers[at] === 'refused' ? 'refused' : parsed(answers[at] ?? ''), expected, text);
    }
    assert.ok(taken > 500 && taken < texts.length - 500, `${taken} of ${texts.length} were taken`);
  });

  prove('are refused when they do not fit the tables, instead of being cut', () => {
    const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    const wide = (count: number): string => JSON.stringify(Array.from({ length: count }, () => 0));
    const long = (bytes: number): string => JSON.stringify('x'.repeat(bytes - 2));
    const takes = (text: string): boolean => check.ask([`J ${hexOf(text)}`])[0] !== 'refused';
    assert.equal([deep(16), deep(17), deep(100), wide(255), wide(256), wide(5_000), long(16_384), long(16_385)].map(takes), [true, false, false, true, false, false, true, false]);
  });

  prove('are the agent’s messages exactly where TypeScript takes them', () => {
    const random = new Choices(3);
    const nine = Array.from({ length: 9 }, (_, at) => voter(random, `node-${at}`));
    const [first = voter(random, 'x')] = nine;
    const cells: unknown[] = [
      CELL, { ...CELL, voters: [] }, { ...CELL, voters: nine }, { ...CELL, voters: [...nine, first] }, { ...CELL, profile: 'toString' }, { ...CELL, profile: 'soft' }, { ...CELL, more: [1, { a: 2 }] }, { ...CELL, clusterUuid: CLUSTER.toUpperCase() },
      { ...CELL, voters: null }, { ...CELL, voters: {} }, { ...CELL, voters: [[]] }, { ...CELL, voters: [{ ...first, extra: 1 }] }, { ...CELL, cell: 'Default' }, { ...CELL, cell: '' }, { ...CELL, cell: 'a'.repeat(31) }, { ...CELL, cell: 'a'.repeat(32) },
      { kind: 'disarm', allowed: true }, { kind: 'disarm', allowed: false }, { kind: 'disarm' }, { kind: 'disarm', allowed: 'yes' }, { kind: 'lease' }, [], null, 7, 'cell', {}, [CELL],
    ];
    for (const field of Object.keys(CELL)) cells.push(Object.fromEntries(Object.entries(CELL).filter(([name]) => name !== field)), { ...CELL, [field]: 7 });
    for (const field of Object.keys(first)) cells.push({ ...CELL, voters: [{ ...first, [field]: null }] });
    for (const leaseAddress of ['1:1', ':1', 'a:', 'a:123456', 'a b:1', '\u00fc:1', `${'a'.repeat(250)}:12345`, `${'a'.repeat(251)}:1`, '[::1]:5', 'a:1\n', 'a:1:', 'a::1', '"\\:1']) cells.push({ ...CELL, voters: [{ ...first, leaseAddress }] });
    for (const sendKey of ['', 'aa', 'a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64), 'g'.repeat(64), `${'a'.repeat(63)}\u0000`]) cells.push({ ...CELL, voters: [{ ...first, sendKey }] });
    for (const id of ['Node', '', '1a', 'a'.repeat(31), 'a'.repeat(32), 'a_b', 'a\n']) cells.push({ ...CELL, voters: [{ ...first, id }] });
    const texts = cells.map((value) => JSON.stringify(value));
    texts.push(...Array.from({ length: 4_000 }, () => spoil(random, random.pick(texts.slice(0, 20)))));
    texts.push('{"kind":"cell","k\\u0069nd":"disarm","allowed":true}', '{"\\u006bind":"disarm","allowed":false}', '{"kind":"disarm","allowed":true,"allowed":1}', '{"kind":"disarm","allowed":1,"allowed":true}');
    const answers = check.ask(texts.map((text) => `M ${hexOf(text)}`));
    let taken = 0;
    for (const [at, text] of texts.entries()) {
      const value = parsed(text);
      const message = value === 'refused' ? null : parseAgentMessage(value);
      taken += message === null ? 0 : 1;
      assert.equal(answers[at] === 'refused' ? null : parsed(answers[at] ?? ''), message, text);
    }
    assert.ok(taken > 60, `${taken} of ${texts.length} were taken`);
  });

  prove('seal a renewal as TypeScript does, and the voter opens it', () => {
    const random = new Choices(4);
    const questions: string[] = [cellQuestion(CELL)];
    const expected: string[] = [JSON.stringify(CELL)];
    for (let count = 0; count < 200; count += 1) {
      const at = random.below(CELL.voters.length);
      const to = CELL.voters[at];
      if (to === undefined) throw new Error('no voter');
      const nonce = hexOf(random.bytes(12));
      const profile = random.pick(Object.values(TIMING_PROFILES));
      const bytes = encodeRenewal({ kind: 'renewal', cell: CELL.cell, clusterUuid: CLUSTER, node: self, bootId: BOOT, nonce, constants: constantsHash(profile) });
      questions.push(`S ${self} ${BOOT} ${profile.name} ${nonce} ${at}`);
      expected.push(hexOf(createSealerFrom(self, new Map([[to.id, to]])).seal(to.id, bytes) ?? ''));
      const opened = endOf(to).open(Buffer.from(expected.at(-1) ?? '', 'hex'));
      assert.is(decodeLease(opened?.bytes ?? new Uint8Array())?.nonce, nonce);
    }
    assert.equal(check.ask(questions), expected);
  });

  prove('open a grant exactly where TypeScript does: not one with a flipped bit, a cut, another’s name, another kind', () => {
    const random = new Choices(5);
    const sealer = createSealerFrom(self, new Map(CELL.voters.map((one) => [one.id, one])));
    const whole = CELL.voters.flatMap((one) => STATUSES.map((status) => endOf(one).seal(self, encodeGrant({ kind: 'grant', nonce: hexOf(random.bytes(12)), status, constants: random.below(2 ** 32) })) ?? new Uint8Array()));
    const [sample = new Uint8Array(), ...rest] = whole;
    const datagrams = [...whole];
    for (let bit = 0; bit < sample.length * 8; bit += 1) datagrams.push(sample.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
    for (let length = 0; length < sample.length; length += 1) datagrams.push(sample.slice(0, length));
    datagrams.push(new Uint8Array([...sample, 0]), ...rest.map((other) => new Uint8Array([...other.slice(0, 20), ...sample.slice(20)])));
    // Rightly sealed, and still no grant: cut, too long, of an unknown status, version or kind.
    const [one] = CELL.voters;
    if (one === undefined) throw new Error('no voter');
    const grant = encodeGrant({ kind: 'grant', nonce: '00'.repeat(12), status: 'granted', constants: 1 });
    for (let at = 0; at < 4; at += 1) for (const value of [0, 1, 2, 3, 4, 5, 0x22, 0x31, 0x32, 0x33, 0x42, 76, 255]) datagrams.push(endOf(one).seal(self, grant.map((byte, where) => (where === at ? value : byte))) ?? grant);
    for (let length = 0; length <= grant.length + 2; length += 1) datagrams.push(endOf(one).seal(self, new Uint8Array([...grant, 0, 0]).slice(0, length)) ?? grant);
    datagrams.push(endOf(one).seal(self, encodeRenewal({ kind: 'renewal', cell: CELL.cell, clusterUuid: CLUSTER, node: self, bootId: BOOT, nonce: '00'.repeat(12), constants: 1 })) ?? grant);
    datagrams.push(new Uint8Array(1_200), new Uint8Array(2_000), ...Array.from({ length: 500 }, () => random.bytes(random.below(120))));
    const answers = check.ask([cellQuestion(CELL), ...datagrams.map((bytes) => `O ${hexOf(bytes)}`)]).slice(1);
    let opened = 0;
    for (const [at, bytes] of datagrams.entries()) {
      const inner = sealer.open(bytes);
      const message = inner === null ? null : decodeLease(inner.bytes);
      const expected = inner === null || message?.kind !== 'grant' ? 'refused' : `${inner.from} ${message.status} ${message.nonce}`;
      opened += expected === 'refused' ? 0 : 1;
      assert.is(answers[at], expected, `datagram ${at}: ${hexOf(bytes)}`);
    }
    assert.ok(opened >= whole.length + 4, `${opened} were opened`);
  });

  prove('refuse a configuration in the same words', () => {
    const good = {
      cell: 'default', clusterUuid: CLUSTER, node: 'node-1', dataDirectory: '/d', leaseListen: '127.0.0.1:0', keeperSocket: '/k', profile: 'fast', machine: { kind: 'room', socket: '/r', bootId: BOOT },
    };
    const configs: unknown[] = [
      good, { ...good, logFile: '/l' }, { ...good, machine: { kind: 'real', watchdog: '/dev/watchdog0' } }, { ...good, machine: { kind: 'real', watchdog: 'dev/watchdog0' } }, { ...good, machine: {} }, { ...good, machine: 'room' }, { ...good, extra: 1 },
      { ...good, profile: 'slow' }, { ...good, leaseListen: 'here' }, { ...good, node: 'Node 1' }, { ...good, clusterUuid: 'x' }, { ...good, logFile: 7 }, { ...good, machine: { kind: 'room', socket: '', bootId: BOOT } }, [], null, 'x', 7, {},
    ];
    for (const field of Object.keys(good)) configs.push(Object.fromEntries(Object.entries(good).filter(([name]) => name !== field)));
    const answers = check.ask([...configs.map((value) => `C ${hexOf(JSON.stringify(value))}`), `C ${hexOf('{')}`]);
    for (const [at, value] of [...configs.map((one) => JSON.stringify(one)), '{'].entries()) {
      let expected = 'usable';
      try {
        parseKeeperConfig(value);
      } catch (thrown) {
        expected = thrown instanceof Error ? thrown.message.replace('the keeper\'s configuration ', '') : String(thrown);
      }
      assert.is(answers[at], expected, value);
    }
  });

  words.run();
}
