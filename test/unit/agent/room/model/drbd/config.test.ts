/**
 * Is drbd.conf's grammar read as drbd-utils reads it, and refused where that refuses it?
 */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDrbdConf } from '../../../../../../agent/room/model/drbd/config.ts';
import { resourceFile } from './lab.ts';

const config = suite('drbd.conf');

config('may say device and disk for all hosts, for one, or in a volume section', () => {
  const forms = [
    'resource r { device /dev/drbd7; disk /dev/x; meta-disk internal; on a { address 10.0.0.1:1; } on b { address ipv4 10.0.0.2:1; } }',
    'resource r { on a { device /dev/drbd_r minor 7; disk /dev/x; meta-disk internal; address ipv4 10.0.0.1:1; } on b { device minor 7; disk /dev/y; meta-disk internal; address 10.0.0.2:1; } }',
    'common { net { protocol C; } } resource "r" { volume 0 { device minor 7; disk "/dev/x"; meta-disk internal; } on a { address 10.0.0.1:1; } on b { address 10.0.0.2:1; } }',
  ];
  for (const text of forms) {
    const [found] = parseDrbdConf(text, 'f', 'a');
    assert.equal([found?.name, found?.minor, found?.diskPath, found?.local.address, found?.peer?.address], ['r', 7, '/dev/x', 'ipv4:10.0.0.1:1', 'ipv4:10.0.0.2:1']);
  }
});

config('has comments, quoted braces and options without a value', () => {
  const text = resourceFile('shared-secret "a;b}c\\"d"; # not this: }\n allow-two-primaries;', '');
  const [found] = parseDrbdConf(text, 'f', 'node1');
  assert.is(found?.net.get('shared-secret'), 'a;b}c"d');
  assert.is(found?.net.get('allow-two-primaries'), 'yes');
});

config('concerns a host only where it is named', () => {
  assert.equal(parseDrbdConf(resourceFile('', ''), 'f', 'elsewhere'), []);
});

config('is refused with the place of the fault', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['resource r {', /^f:1: Parse error: '}' expected/], ['resource r { } }', /unexpected '}'/], ['resource r {\n net { protocol C } }', /^f:2: Parse error: ';' expected/],
    ['include "x";', /'global \| common \| resource' expected, but got 'include'/], ['resource r { ; }', /unexpected ';'/],
    ['resource r { on a { address 10.0.0.1:1; } }', /'device', 'disk' and 'meta-disk' must be given/],
    ['resource r { device minor 1; disk /x; meta-disk internal; on a { } }', /'address' expected/], ['resource r { net { shared-secret "open; } }', /unexpected character/],
  ];
  for (const [text, expected] of cases) assert.throws(() => parseDrbdConf(text, 'f', 'a'), expected, text);
});

config('of the laboratory is read, as `drbdadm dump` printed it', () => {
  const dump = readFileSync(new URL('../../../../../fixtures/drbd/drbdadm-9.22-dump.txt', import.meta.url), 'utf8');
  const [found] = parseDrbdConf(dump, 'f', 'box1');
  assert.equal([found?.name, found?.minor, found?.diskPath, found?.local.address, found?.peer?.address], ['r0', 0, '/dev/vg0/r0', 'ipv4:10.79.0.11:7789', 'ipv4:10.79.0.12:7789']);
  assert.is(found?.net.get('after-sb-1pri'), 'discard-secondary');
  assert.is(found?.disk.get('resync-rate'), '100M');
});

config.run();
