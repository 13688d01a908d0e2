import pc from 'picocolors';
import { run } from '../../../src/cli/program.js';
import type { Io } from '../../../src/cli/io.js';
import { signLocators } from '../../../src/identity/signature.js';
import { toHex } from '../../../src/wire/bytes.js';
import { note } from '../harness/coverage.js';
import { must, octetsOf, textOf, type Target } from '../harness/target.js';
import { privateKey } from '../../identity/support.js';
import { identities } from '../support/identities.js';
import { lines } from './config.js';

/** Commands that only read their arguments. */
const COMMANDS = [
  ['cga', 'verify'],
  ['cga', 'check'],
  ['hba', 'verify'],
] as const;

export const target: Target = {
  name: 'command-line',
  about: '`rehome cga verify`, `cga check` and `hba verify` with any arguments, one a line',
  code: ['src/cli/commands/cga', 'src/cli/commands/hba', 'src/cli/support/identity'],
  constants: 'text',
  words: [
    '--json',
    '--address',
    '--parameters',
    '--signature',
    '--generation',
    '--locator',
    '--minimum-key-bits',
    '-1',
    '0x',
    '::',
    '--',
    '--help',
  ],
  maxLength: 4096,
  seeds,
  units: lines,
  async run(input) {
    const [which, ...rest] = input;
    const command = COMMANDS[(which ?? 0) % COMMANDS.length] ?? COMMANDS[0];
    const args = textOf(Uint8Array.from(rest)).split('\n');
    let [out, err] = ['', ''];
    const io: Io = {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      tty: false,
      colors: pc.createColors(false),
      env: {},
      signal: new AbortController().signal,
    };
    const before = process.exitCode;
    process.exitCode = undefined;
    const status = await run([...command, ...args], io).finally(() => (process.exitCode = before));
    note(`status ${status}`);
    must([0, 1, 2].includes(status), `an exit status of ${status}`);
    must(
      status !== 2 || (out === '' && err !== ''),
      'wrong usage is said on standard error, and nothing else',
    );
    if (!out.startsWith('{')) return;
    const answer = JSON.parse(out) as { accepted: unknown; reason: unknown; parameters: unknown };
    must(
      args.some((a) => a.replace('--parameters=', '').toLowerCase() === answer.parameters),
      'the octets are those that were given',
    );
    must(answer.accepted === (status === 0), 'the exit status is the answer');
    must((answer.reason === null) === (status === 0), 'a refusal has a reason');
  },
};

function seeds(): Uint8Array[] {
  return identities().flatMap(({ addresses, privateKey: own }, i) => {
    const [a] = addresses;
    if (a === undefined) return [];
    const verify = ['--address', a.address, '--parameters', toHex(a.parameters), '--json'];
    const key = own ?? privateKey('rsa512');
    const signature = toHex(signLocators(key, 7, [a.address]));
    const signed = ['--generation', '7', '--locator', a.address, '--signature', signature];
    return [
      line(0, verify),
      line(1, [...verify, ...signed]),
      line(2, i % 2 === 0 ? verify : verify.slice(0, -1)),
    ];
  });
}

const line = (which: number, args: readonly string[]): Uint8Array =>
  Uint8Array.of(which, ...octetsOf(args.join('\n')));
