import { Buffer } from 'node:buffer';
import { must } from '../harness/target.js';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The HTTP/1.1 answers one behind the other in what a server said, one character an octet; an event stream is the last. */
export function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let rest = text; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n');
    const head = end < 0 ? rest : rest.slice(0, end);
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
    must(
      status !== undefined,
      `an answer begins with a status, not with ${JSON.stringify(head.slice(0, 60))}`,
    );
    const after = end < 0 ? '' : rest.slice(end + 4);
    const said = /^content-length: (\d+)/im.exec(head)?.[1];
    // Without a length an answer goes on to the end: a stream, or HTTP/1.0. 100 Continue has no body.
    if (said === undefined && Number(status) >= 200) {
      return [...answers, { status: Number(status), body: '' }];
    }
    // HEAD is told the length of a body that does not come; ours all begin with a brace.
    const length = after.startsWith('{') ? Number(said ?? 0) : 0;
    const body = Buffer.from(after.slice(0, length), 'latin1').toString('utf8');
    answers.push({ status: Number(status), body });
    rest = after.slice(length);
  }
  return answers;
}
