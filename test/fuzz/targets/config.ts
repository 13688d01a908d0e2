import { readFileSync } from 'node:fs';
import { ConfigError, formatIssue, parseConfig } from '../../../src/daemon/config.js';
import { changedKeys } from '../../../src/daemon/config/diff.js';
import { toToml } from '../../../src/daemon/config/print.js';
import { must, octetsOf, textOf, type Target, type Unit } from '../harness/target.js';
import { mustEqual } from '../support/equal.js';

const MORE = [
  'security = "none"\nprofile = "paper"\n[timers]\nsend_timeout = "3s"\nprobe_jitter = 0.2\n',
  'security = "none"\n[[locator]]\nprefix = "2001:db8:a1::/48"\npriority = 1\n[[locator]]\nprefix = "2001:db8:a2::/48"\ntransient = true\n',
  'security = "none"\nnames = { "2001:db8:a1::/48" = "a1" }\ntrigger.ports = [22, 443]\ntrigger.seconds = "off"\n',
  'security = "none"\nmax_contexts = 7\n[leave]\npeers = ["2001:db8::1"]\n[trigger]\nbytes = 9\nnever_ports = [123]\noutbound_only = false\n[[locator]]\nprefix = "2001:db8::/32"\nweight = 3\n',
  'security = "none"\n[control]\nsocket = "/tmp/x"\ngroup = "rehome"\nmode = "0660"\n# a comment\n',
  'x = """\nlong\\\n  string"""\ny = 1979-05-27T07:32:00Z\nz = [1, 2.5e3, 0x1f, inf, nan]\n',
];

export const target: Target = {
  name: 'config',
  about:
    'configuration files: nothing but ConfigError, lines that exist, and what is printed is read again',
  code: ['src/daemon/config', 'src/wire/prefix', 'node_modules/smol-toml/'],
  constants: 'text',
  words: [
    '"',
    "'''",
    '[[',
    ']]',
    '[',
    ']',
    '{',
    '}',
    '=',
    '.',
    '\n',
    '"off"',
    '"5s"',
    '-1',
    '1e400',
    'true',
    '__proto__',
    '1979-05-27',
    '\\u0000',
    '"2001:db8::/32"',
  ],
  seeds: () => [
    new Uint8Array(readFileSync(new URL('../../../examples/rehome.toml', import.meta.url))),
    ...MORE.map(octetsOf),
  ],
  units: lines,
  run(input) {
    const text = textOf(input);
    let config;
    try {
      config = parseConfig(text, 'fuzz.toml');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const last = text.split('\n').length;
      must(
        error.issues.length > 0 && error.code === 'REHOME_E_CONFIG',
        'an error says what is wrong',
      );
      for (const issue of error.issues) {
        must(issue.line >= 1 && issue.line <= last, () => `line ${issue.line} of ${last}`);
        must(formatIssue('fuzz.toml', issue).length > 0, 'an issue can be shown');
      }
      return;
    }
    const printed = toToml(config);
    const again = parseConfig(printed, 'fuzz.toml');
    mustEqual(again, config, 'what is printed and read again');
    must(changedKeys(config, again).length === 0, 'no key has changed');
    must(toToml(again) === printed, 'printed twice the same');
  },
};

/** Lines with their ends. */
export function lines(input: Uint8Array): Unit[] {
  const out: Unit[] = [];
  for (let from = 0; from < input.length && out.length < 200;) {
    const end = input.indexOf(10, from);
    const to = end < 0 ? input.length : end + 1;
    out.push({ from, to });
    from = to;
  }
  return out;
}
