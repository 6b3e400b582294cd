import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';

const SERVER = fileURLToPath(
  new URL('../../../node_modules/yaml-language-server/bin/yaml-language-server', import.meta.url),
);

/** Without the catalogue of schemas in the net, whose answer, or silence, would come at any time and set the server up anew. */
const SETTINGS = { validate: true, hover: true, completion: true, schemaStore: { enable: false } };

export interface Completion {
  label: string;
  insertText: string;
  documentation: string;
}

/** The YAML language server that editors run, over stdio, with one file open. */
export class LanguageServer {
  readonly #connection;
  readonly #child;
  readonly #path: string;
  readonly #diagnosed: Promise<string[]>;
  readonly #configured: Promise<void>;
  #text: string;
  #version = 1;

  /** @param path of a file whose first line names its schema */
  static async open(path: string): Promise<LanguageServer> {
    const server = new LanguageServer(path);
    await server.#begin();
    return server;
  }

  private constructor(path: string) {
    this.#path = path;
    this.#text = readFileSync(path, 'utf8');
    this.#child = spawn(process.execPath, [SERVER, '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#connection = createMessageConnection(
      new StreamMessageReader(this.#child.stdout),
      new StreamMessageWriter(this.#child.stdin),
    );
    this.#diagnosed = new Promise((resolve) => {
      this.#connection.onNotification(
        'textDocument/publishDiagnostics',
        ({ diagnostics }: { diagnostics: { message: string; range: { start: { line: number } } }[] }) =>
          resolve(diagnostics.map(({ message, range }) => `${range.start.line + 1} ${message}`)),
      );
    });
    this.#configured = new Promise((resolve) => {
      this.#connection.onRequest('workspace/configuration', ({ items }: { items: { section?: string }[] }) => {
        resolve();
        return items.map(({ section }) => (section === 'yaml' ? SETTINGS : {}));
      });
    });
    this.#connection.onRequest('client/registerCapability', () => null);
  }

  async #begin(): Promise<void> {
    this.#connection.listen();
    const capabilities = {
      textDocument: {
        completion: { completionItem: { documentationFormat: ['markdown'], snippetSupport: true } },
        hover: { contentFormat: ['markdown'] },
      },
      workspace: { configuration: true },
    };
    await this.#connection.sendRequest('initialize', { processId: process.pid, rootUri: null, capabilities });
    await this.#connection.sendNotification('initialized', {});
    await this.#configured; // its answer is on its way, before the file
    const textDocument = { uri: this.#uri, languageId: 'yaml', version: this.#version, text: this.#text };
    await this.#connection.sendNotification('textDocument/didOpen', { textDocument });
  }

  get #uri(): string {
    return pathToFileURL(this.#path).href;
  }

  /** What the editor underlines, each with its line. */
  diagnostics(): Promise<string[]> {
    return this.#diagnosed;
  }

  /** What is shown when the pointer rests on a word: its first occurrence after a text. */
  async hover(word: string, after = ''): Promise<string> {
    const offset = this.#offsetOf(word, after);
    const found = await this.#connection.sendRequest<{ contents: { value: string } } | null>('textDocument/hover', {
      textDocument: { uri: this.#uri },
      position: this.#position(offset + 1),
    });
    return found?.contents.value ?? '';
  }

  /** What is offered to somebody who types after a text; a line of its own where that ends a line. */
  async completions(after: string, typed: string): Promise<Completion[]> {
    const at = this.#offsetOf(after, '') + after.length;
    const lineEnd = after.endsWith('\n') ? '\n' : '';
    const text = `${this.#text.slice(0, at)}${typed}${lineEnd}${this.#text.slice(at)}`;
    await this.#change(text);
    const found = await this.#connection.sendRequest<{ items: RawCompletion[] }>('textDocument/completion', {
      textDocument: { uri: this.#uri },
      position: this.#position(at + typed.length, text),
    });
    await this.#change(this.#text);
    return found.items.map(({ label, insertText, documentation = '' }) => ({
      label,
      insertText: insertText ?? label,
      documentation: typeof documentation === 'string' ? documentation : documentation.value,
    }));
  }

  async close(): Promise<void> {
    await this.#connection.sendRequest('shutdown');
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    await this.#connection.sendNotification('exit');
    await gone;
    this.#connection.dispose();
  }

  async #change(text: string): Promise<void> {
    this.#version += 1;
    await this.#connection.sendNotification('textDocument/didChange', {
      textDocument: { uri: this.#uri, version: this.#version },
      contentChanges: [{ text }],
    });
  }

  #offsetOf(word: string, after: string): number {
    const from = this.#text.indexOf(after);
    const offset = this.#text.indexOf(word, from + after.length);
    if (from < 0 || offset < 0) throw new Error(`the file does not hold ${word} after ${after}`);
    return offset;
  }

  #position(offset: number, text = this.#text): { line: number; character: number } {
    const before = text.slice(0, offset).split('\n');
    return { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
  }
}

interface RawCompletion {
  label: string;
  insertText?: string;
  documentation?: string | { value: string };
}
