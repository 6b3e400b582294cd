import { rm } from 'node:fs/promises';
import type { SftpConnection } from '../connections/sftpConnection.js';
import { defineSink } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import type { PackedFile } from '../contract/file.js';
import { Type } from '../contract/schema.js';
import { baseNameOf } from '../notice/fileName.js';

const options = Type.Object(
  {
    on: Type.String({ description: 'The sftp connection.', connection: 'sftp' }),
    directory: Type.String({
      description: 'Directory on the server; it must exist. `.` is where the login lands.',
      default: '.',
      minLength: 1,
      maxLength: 1_024,
    }),
  },
  { additionalProperties: false },
);

export const spec = defineSink({
  name: 'sftp',
  summary: 'Delivers files to an SFTP server: as .tmp first, under the final name once complete.',
  description: [
    'The ledger notes each step. After a crash a file is taken up where the ledger says it stood: one that may have been',
    'renamed already is looked for before it is sent again. Where lanes are shared every file of ours is: the machine that had',
    'the lane may have delivered it and died before it could say so. Once delivered, the file leaves the outbox. A forwarded',
    'file stays with its source; one that comes again with other content is delivered again, whatever its size.',
    'Writes go on in parallel over the connection’s pool; a delivery is tried again until it succeeds or is refused.',
  ].join('\n'),
  sections: ['6.1.3.1', '6.2.1.1', '6.2.2.1', '6.2.3.1'],
  takes: ['file'],
  options,
  examples: [{ title: 'To the regulator', yaml: 'on: regulator\ndirectory: /upload' }],
  create({ on, directory }, context) {
    const connection = context.connection<SftpConnection>(on);
    const stopping = new AbortController();
    let steps = 0;
    const forwarded = new Forwarded(`uploading ${on} ${directory}`, context);
    return {
      get concurrency() {
        return connection.concurrency;
      },
      get steps() {
        return steps;
      },
      async write(item) {
        const file = item.value as PackedFile;
        const { name, path, bytes, plan } = file;
        if (plan?.state !== 'delivered') {
          const { remotePath } = await connection.deliver({ localPath: path, bytes }, directory, name, {
            resumed: () => (plan ? plan.state === 'uploading' : forwarded.wasUploading(file)),
            // the ledger knows where it was delivered before, and that it is to be delivered once more (--again)
            again: plan === undefined || context.store.file(plan.baseName)?.remotePath !== undefined,
            sequence: plan?.sequence,
            onUploading: () => (plan ? context.store.fileUploading(baseNameOf(name)) : forwarded.uploading(file)),
            onStep: () => {
              steps += 1;
            },
            signal: stopping.signal,
          });
          await context.store.fileDelivered(baseNameOf(name), remotePath);
          if (!plan) await forwarded.delivered(file);
          context.log.info({ file: name, bytes, remotePath }, 'delivered');
        }
        if (plan) await rm(path, { force: true }); // only a planned file is ours to remove; a received one is its source's
      },
      async close() {
        stopping.abort();
      },
    };
  },
});

/**
 * Forwarded files, which have no row in the ledger: it notes of each name which content was uploading last, as it notes how
 * far a source has come.
 */
class Forwarded {
  readonly #place: string;
  readonly #context: Context;

  constructor(place: string, context: Context) {
    this.#place = place;
    this.#context = context;
  }

  /** Whether an earlier run was uploading this very content. */
  wasUploading({ name, sm3 }: PackedFile): boolean {
    const { pipeline, store } = this.#context;
    return store.position(pipeline, `${this.#place}/${name}`)?.fingerprint === sm3;
  }

  uploading({ name, bytes, sm3 }: PackedFile): Promise<void> {
    const { pipeline, store } = this.#context;
    const position = { offset: bytes, line: 0, fingerprint: sm3 };
    return store.commit([(transaction) => transaction.setPosition(pipeline, `${this.#place}/${name}`, position)]);
  }

  /** Nobody asks any more, unless it comes again: a purge may forget it. */
  delivered({ name }: PackedFile): Promise<void> {
    const { pipeline, store } = this.#context;
    return store.commit([(transaction) => transaction.positionGone(pipeline, `${this.#place}/${name}`, true)]);
  }
}
