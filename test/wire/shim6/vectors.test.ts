import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/wire/bytes.js';
import {
  decodeControl,
  decodePayloadHeader,
  encodeControl,
  encodePayloadHeader,
  MESSAGE_TYPE,
  OPTION_TYPE,
  type ControlMessage,
  type PayloadHeader,
} from '../../../src/wire/shim6/index.js';
import { vectorBytes, vectorJson, vectorNames } from '../vectors.js';

interface Vector {
  readonly value?: ControlMessage | PayloadHeader;
  readonly canonical?: boolean;
  readonly reserved?: unknown;
  readonly failure?: object;
}
const names = vectorNames('shim6');
const load = (name: string): Vector => vectorJson(`shim6/${name}`);

describe('known octets of every message', () => {
  for (const name of names.filter((n) => n !== 'payload')) {
    const vector = load(name);
    const bytes = vectorBytes(`shim6/${name}`);

    it(`${name}: octets to value [RFC5533 §5]`, () => {
      const result = decodeControl(bytes);
      if (vector.failure !== undefined) {
        expect(result).toEqual({ ok: false, ...vector.failure });
        return;
      }
      expect(result).toMatchObject({ ok: true, length: bytes.length });
      if (!result.ok) return;
      expect(result.message).toEqual(vector.value);
      if (vector.reserved !== undefined) expect(result.reserved).toEqual(vector.reserved);
    });

    if (vector.value === undefined || vector.canonical === false) continue;
    it(`${name}: value to octets [RFC5533 §5]`, () => {
      expect(toHex(encodeControl(vector.value as ControlMessage))).toBe(toHex(bytes));
    });
  }

  it('payload: both ways [RFC5533 §5.2]', () => {
    const { value } = load('payload');
    expect(decodePayloadHeader(vectorBytes('shim6/payload'))).toEqual({ ok: true, header: value });
    expect(encodePayloadHeader(value as PayloadHeader)).toEqual(vectorBytes('shim6/payload'));
  });

  it('covers every message and every option', () => {
    const values = names.map((name) => load(name).value).filter((v) => v !== undefined);
    expect(new Set(values.map((v) => v.message))).toEqual(
      new Set([...Object.keys(MESSAGE_TYPE), 'payload']),
    );
    const options = values.flatMap((v) => ('options' in v ? v.options.map((o) => o.option) : []));
    expect(new Set(options)).toEqual(new Set([...Object.keys(OPTION_TYPE), 'unknown']));
  });
});
