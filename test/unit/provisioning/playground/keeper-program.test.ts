import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keeperPath, KEEPER_SOURCES } from '../../../../provisioning/build-keeper.mjs';
import { nativeKeeper } from '../../../../provisioning/playground/keeper-program.ts';
import { withDirectory } from './support.ts';

const program = suite('the keeper of a playground');

function addFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

program('is the one in C when it was compiled from these very sources, unless the user says otherwise', async () => {
  await withDirectory(async (checkout) => {
    const source = join(checkout, KEEPER_SOURCES, 'main.c');
    addFile(source, 'int main(void) { return 0; }');
    assert.is(nativeKeeper(checkout, undefined), null);
    assert.throws(() => nativeKeeper(checkout, 'native'), /no keeper was compiled.*apt-get install gcc libc6-dev/);
    const path = keeperPath(checkout);
    addFile(path, '');
    assert.is(nativeKeeper(checkout, undefined), path);
    assert.is(nativeKeeper(checkout, 'native'), path);
    assert.is(nativeKeeper(checkout, 'node'), null);
    assert.throws(() => nativeKeeper(checkout, 'C'), /VES_KEEPER=C: it is node or native/);
    addFile(source, 'int main(void) { return 1; }');
    assert.is(nativeKeeper(checkout, undefined), null, 'what was compiled before is not this one');
    await Promise.resolve();
  });
});

program.run();
