/** A place in a TOML document: keys and array indices from the root. */
export type KeyPath = readonly (string | number)[];

/**
 * Where the keys of a valid TOML document stand. smol-toml tells the line of a syntax error but not of a value, and
 * a complaint about a value is worth little without its line. Lenient: the document has been parsed already.
 */
export class TomlPositions {
  readonly #lines = new Map<string, number>();
  readonly #tables = new Map<string, number>();
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
    this.#document();
  }

  /** The 1-based line of the longest known part of `path`; 1 when nothing of it is written. */
  lineOf(path: KeyPath): number {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(keyOf(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  }

  #document(): void {
    let table: (string | number)[] = [];
    for (;;) {
      this.#blank();
      const next = this.#peek();
      if (next === '') return;
      if (next === '[') table = this.#header();
      else this.#pair(table);
    }
  }

  #header(): (string | number)[] {
    const line = this.#line;
    this.#take();
    const array = this.#peek() === '[';
    if (array) this.#take();
    const path = this.#resolve(this.#keys());
    while (this.#peek() === ']') this.#take();
    if (!array) {
      this.#mark(path, line);
      return path;
    }
    const index = this.#tables.get(keyOf(path)) ?? 0;
    this.#tables.set(keyOf(path), index + 1);
    if (index === 0) this.#mark(path, line);
    this.#mark([...path, index], line);
    return [...path, index];
  }

  /** A header below an array of tables means its newest element. */
  #resolve(keys: readonly string[]): (string | number)[] {
    const path: (string | number)[] = [];
    keys.forEach((key, i) => {
      path.push(key);
      const count = this.#tables.get(keyOf(path));
      if (count !== undefined && i < keys.length - 1) path.push(count - 1);
    });
    return path;
  }

  #pair(table: KeyPath): void {
    const line = this.#line;
    const path = [...table, ...this.#keys()];
    this.#mark(path, line);
    if (this.#peek() === '=') this.#take();
    this.#value(path);
  }

  #keys(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#spaces();
      const quote = this.#peek();
      if (quote === '"' || quote === "'") keys.push(this.#string());
      else keys.push(this.#bare());
      this.#spaces();
      if (this.#peek() !== '.') return keys;
      this.#take();
    }
  }

  #value(path: KeyPath): void {
    this.#spaces();
    const next = this.#peek();
    if (next === '[') this.#array(path);
    else if (next === '{') this.#inlineTable(path);
    else if (next === '"' || next === "'") this.#string();
    else while (!/[,\]}\n#]|^$/.test(this.#peek())) this.#take();
  }

  #array(path: KeyPath): void {
    this.#take();
    for (let index = 0; ; index++) {
      this.#blank();
      if (this.#peek() === ']' || this.#peek() === '') break;
      this.#mark([...path, index], this.#line);
      this.#value([...path, index]);
      this.#blank();
      if (this.#peek() === ',') this.#take();
    }
    this.#take();
  }

  #inlineTable(path: KeyPath): void {
    this.#take();
    for (;;) {
      this.#blank();
      if (this.#peek() === '}' || this.#peek() === '') break;
      this.#pair(path);
      this.#blank();
      if (this.#peek() === ',') this.#take();
    }
    this.#take();
  }

  /** A string of any of the four kinds; escapes matter only where they hide the closing quote. */
  #string(): string {
    const quote = this.#peek();
    const long = this.#text.startsWith(quote.repeat(3), this.#at);
    const close = long ? quote.repeat(3) : quote;
    for (let i = 0; i < close.length; i++) this.#take();
    let out = '';
    while (this.#at < this.#text.length && !this.#text.startsWith(close, this.#at)) {
      if (quote === '"' && this.#peek() === '\\') out += this.#take();
      out += this.#take();
    }
    for (let i = 0; i < close.length; i++) this.#take();
    while (long && this.#peek() === quote) out += this.#take();
    return out;
  }

  #bare(): string {
    let out = '';
    while (/[A-Za-z0-9_-]/.test(this.#peek())) out += this.#take();
    // Never stand still, whatever the text is.
    if (out === '') this.#take();
    return out;
  }

  #spaces(): void {
    while (this.#peek() === ' ' || this.#peek() === '\t') this.#take();
  }

  /** White space, line ends and comments. */
  #blank(): void {
    for (;;) {
      const next = this.#peek();
      if (next === '#') while (this.#peek() !== '\n' && this.#peek() !== '') this.#take();
      else if (next !== '' && /\s/.test(next)) this.#take();
      else return;
    }
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #take(): string {
    const c = this.#text.charAt(this.#at++);
    if (c === '\n') this.#line++;
    return c;
  }

  #mark(path: KeyPath, line: number): void {
    const key = keyOf(path);
    if (!this.#lines.has(key)) this.#lines.set(key, line);
  }
}

const keyOf = (path: KeyPath): string => JSON.stringify(path.map(String));
