import tseslint from 'typescript-eslint';

// The house rule (docs/tour.md): an import may point left only.
//   wire <- identity <- shim6 reap sam <- policy <- engine <- dataplane linux <- daemon cli control lab sim
const ALL = [
  'wire',
  'identity',
  'shim6',
  'reap',
  'sam',
  'policy',
  'engine',
  'dataplane',
  'linux',
  'daemon',
  'control',
  'cli',
  'sim',
  'lab',
];
const MAY_IMPORT = {
  wire: [],
  identity: ['wire'],
  shim6: ['wire', 'identity'],
  reap: ['wire'],
  sam: ['wire'],
  policy: ['wire', 'identity', 'shim6', 'reap', 'sam'],
  engine: ['wire', 'identity', 'shim6', 'reap', 'sam', 'policy'],
  dataplane: ['wire', 'sam', 'linux'],
  linux: ['wire'],
  daemon: ALL.filter((f) => f !== 'cli' && f !== 'lab' && f !== 'sim'),
  control: ['wire'],
  cli: ALL,
  sim: ALL.filter((f) => f !== 'linux' && f !== 'cli' && f !== 'lab'),
  lab: ALL.filter((f) => f !== 'cli'),
};
const PURE = ['wire', 'identity', 'shim6', 'reap', 'sam', 'policy', 'engine'];
const MAY_CRYPTO = ['identity', 'shim6'];

const importRules = Object.entries(MAY_IMPORT).map(([folder, allowed]) => {
  const forbidden = ALL.filter((f) => f !== folder && !allowed.includes(f));
  const patterns = forbidden.map((f) => ({
    regex: `^(\\.\\./)+${f}/`,
    message: `src/${folder} may not import src/${f}: imports point left only (docs/tour.md).`,
  }));
  if (PURE.includes(folder)) {
    patterns.push({
      // node:crypto only where a proof or a keyed hash is made.
      regex: MAY_CRYPTO.includes(folder) ? '^node:(?!crypto$)' : '^node:',
      message: 'Engines do no input or output (architecture rule 1).',
    });
  }
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  };
});

const purity = {
  files: PURE.map((f) => `src/${f}/**/*.ts`),
  rules: {
    'no-restricted-globals': [
      'error',
      ...[
        'setTimeout',
        'setInterval',
        'setImmediate',
        'performance',
        'process',
        'console',
        'fetch',
        'crypto',
      ].map((name) => ({
        name,
        message: 'Engines read no clock, timer, randomness or environment: take it as an argument.',
      })),
    ],
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'The current time is an argument.' },
      { object: 'Math', property: 'random', message: 'The random source is an argument.' },
    ],
    'no-restricted-syntax': [
      'error',
      {
        selector: "NewExpression[callee.name='Date'][arguments.length=0]",
        message: 'The current time is an argument.',
      },
      {
        selector: 'ImportSpecifier[imported.name=/^(random.*|getRandomValues|webcrypto)$/]',
        message: 'The random source is an argument.',
      },
    ],
  },
};

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'out', 'test-results'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
      'no-console': 'off',
    },
  },
  ...importRules,
  purity,
);
