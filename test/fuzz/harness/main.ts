import { readFileSync } from 'node:fs';
import { basename, dirname, relative } from 'node:path';
import { TARGETS, targetByName } from '../targets/index.js';
import { runBreaks } from './breaks.js';
import { hexLines, readHex, textOfError, type Finding } from './findings.js';
import { HELP, readOptions, UsageError, type Options } from './options.js';
import { findingText, missedText, summaryLine, SUMMARY_HEAD } from './report.js';
import { runSession } from './session.js';
import type { WorkerMessage } from './worker.js';

/** `npm run fuzz`. */

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

async function fuzz(options: Options): Promise<number> {
  const shares = options.targets.map((name) => TARGETS.find((t) => t.name === name)?.share ?? 1);
  const all = shares.reduce((sum, share) => sum + share, 0);
  const budgets = shares.map((share) =>
    options.executions === undefined
      ? { seconds: (options.seconds * share) / all }
      : { executions: options.executions },
  );
  const { seed, targets, save } = options;
  const text = !options.json;
  if (text)
    say(`seed ${seed}: npm run fuzz -- --seed ${seed} draws the same again\n\n${SUMMARY_HEAD}`);
  const progress = new Progress(process.stderr.isTTY === true && text);
  const files: string[] = [];
  const onMessage = (message: WorkerMessage): void => {
    progress.clear();
    if (message.kind === 'started') progress.target = message.target;
    if (message.kind === 'finding' && message.file !== undefined) {
      files.push(relative(process.cwd(), message.file));
      if (text) say(findingText(message.finding, files.at(-1) ?? ''));
    }
    if (message.kind === 'done' && text) {
      say(summaryLine(message.summary));
      if (options.missed) say(missedText(message.missed));
    }
  };
  const { summaries, findings } = await runSession({
    targets,
    budgets,
    seed,
    save,
    keep: true,
    onMessage,
    onBeat: (n) => progress.show(n),
  });
  progress.clear();
  if (options.json) {
    const plain = findings.map((f, i) => ({
      ...f,
      input: hexLines(f.input).join(''),
      file: files[i],
    }));
    say(JSON.stringify({ seed, summaries, findings: plain }));
  } else {
    const runs = summaries.reduce((sum, s) => sum + s.executions, 0);
    say(`\n${runs} runs, ${findings.length} found, seed ${seed}`);
  }
  return findings.length === 0 ? 0 : 1;
}

class Progress {
  target = '';
  #last = { executions: 0, at: performance.now() };
  readonly #on: boolean;
  constructor(on: boolean) {
    this.#on = on;
  }
  show(executions: number): void {
    const now = performance.now();
    if (!this.#on || now - this.#last.at < 1000) return;
    const rate = ((executions - this.#last.executions) * 1000) / (now - this.#last.at);
    this.#last = { executions, at: now };
    process.stderr.write(
      `\r\x1b[K${this.target}: ${executions} runs, ${rate.toFixed(0)} per second`,
    );
  }
  clear(): void {
    if (this.#on) process.stderr.write('\r\x1b[K');
  }
}

async function replay(options: Options, file: string): Promise<number> {
  const input = readHex(readFileSync(file === '-' ? 0 : file, 'utf8'), file);
  const folder = basename(dirname(file));
  const name = TARGETS.some((t) => t.name === folder) ? folder : options.targets[0];
  if (name === undefined || (name !== folder && options.targets.length > 1)) {
    throw new UsageError(`whose input is ${file}? Say --target NAME`);
  }
  const target = await targetByName(name);
  if (target.explain !== undefined) complain(target.explain(input));
  const report = (error: string | null): void =>
    say(
      options.json
        ? JSON.stringify({ target: name, octets: input.length, error })
        : `${name}: ${error ?? 'nothing wrong'}`,
    );
  try {
    await target.run(input);
    report(null);
    return 0;
  } catch (error) {
    report(textOfError(error));
    return 1;
  } finally {
    await target.close?.();
  }
}

async function list(json: boolean): Promise<number> {
  const targets = await Promise.all(TARGETS.map(({ name }) => targetByName(name)));
  if (json) say(JSON.stringify(targets.map(({ name, about, code }) => ({ name, about, code }))));
  else for (const { name, about } of targets) say(`${name.padEnd(18)} ${about}`);
  return 0;
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(
    args,
    TARGETS.map((t) => t.name),
  );
  if (options.help) say(HELP);
  else if (options.list) return list(options.json);
  else if (options.breaks) return runBreaks(options, say);
  else if (options.replay !== undefined) return replay(options, options.replay);
  else return fuzz(options);
  return 0;
}

export type { Finding };
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError) && !(error instanceof Error && 'syscall' in error))
    throw error;
  complain(`fuzz: ${error.message}\n(npm run fuzz -- --help)`);
  process.exitCode = 2;
}
