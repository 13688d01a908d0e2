import type { z } from 'zod';
import { findRoute } from '../../../src/control/routes.js';
import { httpStatus } from '../../../src/control/errors.js';
import {
  ContextReplySchema,
  ContextsSchema,
  DoneSchema,
  EventsSchema,
  IdentitiesSchema,
  LocatorsSchema,
  PathsSchema,
  ReloadSchema,
  StatusSchema,
} from '../../../src/control/schema.js';
import { RehomeError } from '../../../src/wire/errors.js';
import { note } from '../harness/coverage.js';
import { must, octetsOf, textOf, type Target } from '../harness/target.js';
import { controlSource } from '../support/control.js';
import { lines } from './config.js';

/** What each resource promises to answer with. */
const REPLY: Readonly<Record<string, z.ZodType>> = {
  status: StatusSchema,
  contexts: ContextsSchema,
  context: ContextReplySchema,
  paths: PathsSchema,
  locators: LocatorsSchema,
  identity: IdentitiesSchema,
  events: EventsSchema,
  explore: DoneSchema,
  forget: DoneSchema,
  establish: DoneSchema,
  reload: ReloadSchema,
};

const REQUESTS = [
  'GET /v1/status',
  'GET /v1/contexts',
  'GET /v1/contexts/0',
  'GET /v1/paths?peer=2001:db8:b1::1',
  'GET /v1/paths?peer=b1',
  'GET /v1/locators',
  'GET /v1/identity',
  'GET /v1/events?since=1',
  'POST /v1/explore\n{"peer":"2001:db8:b2::1"}',
  'POST /v1/forget\n{"tag":"0"}',
  'POST /v1/establish\n{"peer":"2001:db8:b1::1","local":"2001:db8:a2::1"}',
  'POST /v1/establish\n{"peer":"2001:db8:c::1","forkedInstanceIdentifier":3}',
  'POST /v1/reload\n{}',
];

export const target: Target = {
  name: 'control-request',
  about: 'requests to the control API: routes, bodies, answers that keep the schema',
  code: [
    'src/control/routes',
    'src/control/schema',
    'src/control/errors',
    'src/daemon/control-source',
    'src/daemon/resolve',
    'src/daemon/views',
  ],
  constants: 'text',
  words: [
    '{"peer":"',
    '{"tag":"',
    '"}',
    '"local":"',
    '%',
    '%00',
    '%zz',
    '?since=',
    '/',
    '::',
    'a1',
    'b1',
    '0x',
    '-1',
    '1e9',
    '__proto__',
  ],
  maxLength: 512,
  seeds: () => REQUESTS.map(octetsOf),
  units: lines,
  run(input) {
    const [head = '', ...rest] = textOf(input).split('\n');
    const [method = '', ...target] = head.split(' ');
    if (!URL.canParse(target.join(' '), 'http://rehome')) return; // control-http has the server's view of it
    const url = new URL(target.join(' '), 'http://rehome');
    const text = rest.join('\n');
    let body: unknown;
    try {
      body = text === '' ? {} : JSON.parse(text);
    } catch {
      return;
    }
    try {
      const reply = findRoute(method, url.pathname)(controlSource(), url, body);
      const name = /^\/v1\/contexts\/./.test(url.pathname) ? 'context' : url.pathname.slice(4);
      const parsed = REPLY[name]?.safeParse(JSON.parse(JSON.stringify(reply)));
      must(
        parsed?.success === true,
        () => `the answer of ${name} keeps the schema: ${parsed?.error?.message ?? 'none'}`,
      );
    } catch (error) {
      if (!(error instanceof RehomeError)) throw error;
      const status = httpStatus(error.code);
      note(`${error.code} ${status}`);
      must(
        /^REHOME_E_[A-Z_]+$/.test(error.code) && status >= 400 && status < 600,
        'an error has a code and a status',
      );
    }
  },
};
