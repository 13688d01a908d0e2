import { parseArgs } from 'node:util';

export interface Options {
  readonly targets: readonly string[];
  readonly seed: string;
  /** Over all targets. */
  readonly seconds: number;
  readonly executions: number | undefined;
  readonly save: boolean;
  readonly replay: string | undefined;
  readonly list: boolean;
  readonly missed: boolean;
  readonly json: boolean;
  readonly breaks: boolean;
  readonly help: boolean;
}

export const HELP = `Usage: npm run fuzz -- [options]

Fuzzes the parsers and the engine: keeps the inputs that reach new code, and mutates those. What fails is made small
and written to test/fuzz/vectors/TARGET/, where the tests replay it for ever. docs/fuzzing.md says more.

  --target NAME     only this one (may be given several times; --list shows them)
  --seconds N       for so long over all targets together (default 60)
  --minutes N       the same in minutes
  --executions N    so many runs for each target instead; repeatable to the last octet
  --seed TEXT       what the mutations are drawn from (default: a new one, which is printed)
  --replay FILE     run one input (hexadecimal; - is standard input) through its target and say what happens;
                    the target is the folder of the file, or --target
  --save            write what was learnt to test/fuzz/corpus/
  --missed          show which modules have blocks that were never reached
  --breaks          put each break of test/fuzz/breaks.json into the code, one after the other, and see how long it
                    takes to be found
  --list            the targets
  --json            one JSON object on standard output
  --help            this text

Exit status: 0 nothing found (--breaks: all found), 1 something found (--breaks: one not found), 2 wrong usage.`;

/** What is wrong with the command line. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const values = parse(args);
  const targets = values.target ?? [];
  for (const name of targets) {
    if (!known.includes(name))
      throw new UsageError(`no target ${name}; there are ${known.join(', ')}`);
  }
  const minutes = positive('--minutes', values.minutes);
  const seconds = positive('--seconds', values.seconds);
  if (minutes !== undefined && seconds !== undefined) {
    throw new UsageError('--seconds and --minutes say the same thing: give one of them');
  }
  return {
    targets: targets.length > 0 ? targets : known,
    seed: values.seed ?? String(Date.now() % 2 ** 31),
    seconds: minutes === undefined ? (seconds ?? 60) : minutes * 60,
    executions: positive('--executions', values.executions),
    save: values.save === true,
    replay: values.replay,
    list: values.list === true,
    missed: values.missed === true,
    json: values.json === true,
    breaks: values.breaks === true,
    help: values.help === true,
  };
}

function parse(args: readonly string[]) {
  const [text, flag] = [{ type: 'string' }, { type: 'boolean' }] as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        target: { type: 'string', multiple: true },
        seed: text,
        seconds: text,
        minutes: text,
        executions: text,
        replay: text,
        save: flag,
        list: flag,
        missed: flag,
        json: flag,
        breaks: flag,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function positive(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!(number > 0 && Number.isFinite(number)))
    throw new UsageError(`${name} ${value} is not a positive number`);
  return number;
}
