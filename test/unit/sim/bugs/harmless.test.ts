/** Does nothing follow from the changes that are said to be harmless? With one planted, storms leave the very same trace. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HARMLESS } from '../../../sim/bugs/harmless.ts';
import { plantingOptions } from '../../../sim/bugs/load.ts';

const MAIN = join(import.meta.dirname, '../../../sim/main.ts');
/** Nodes that restart, with what they hold, many times. */
const STORMS = ['--seeds', '11..11', '--hours', '0.05', '--nodes', '3', '--json'];

/** What the storms came to: seed and hash of the trace. */
function traces(options: readonly string[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...options, MAIN, ...STORMS], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    child.once('error', reject);
    child.once('close', () => resolve(text.split('\n').flatMap((line) => [...line.matchAll(/"seed":(\d+).*?"hash":"([0-9a-f]+)"/g)].map(([, seed, hash]) => `${seed} ${hash}`))));
  });
}

const harmless = suite('changes that are harmless');

for (const { name } of HARMLESS) {
  harmless(`leave no trace: ${name}`, async () => {
    const plain = await traces([]);
    assert.is(plain.length, 1);
    assert.equal(await traces(plantingOptions(name)), plain);
    assert.not.equal(await traces(plantingOptions('reboot-proves-nothing')), plain, 'others would');
  });
}

harmless.run();
