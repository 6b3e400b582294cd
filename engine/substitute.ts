import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** Certificates and keys are a few kilobytes. */
const TEXT_BYTES_MAX = 256 * 1024;
const SECRET_BYTES_MAX = 64 * 1024;

/** What a test puts in place of secrets and files, so that nothing of the site's own is used or shown. */
export interface StandIns {
  secret(name: string): string;
  /** @param path absolute; undefined where the file itself is to be read */
  file(path: string): string | undefined;
}

export interface Surroundings {
  /** Folder of the file that holds the text: `${file:…}` is relative to it. */
  folder: string;
  /** Folder of the pipeline file: `secrets` lies in it. */
  root: string;
  environment: boolean;
  standIns?: StandIns | undefined;
}

/** What became of a text; `hidden` names what it holds where it must not be shown. */
export type Substituted = { text: string; hidden?: string } | { problem: string };

/**
 * Replaces `${secret:NAME}`, `${file:PATH}` and `${env:NAME}` in a text; `$${` stands for `${` itself.
 * A secret is read from `$CREDENTIALS_DIRECTORY`, then from the folder `secrets`; a line break at its end does not count.
 */
export function substitute(text: string, around: Surroundings): Substituted {
  if (!text.includes('${')) return { text };
  const problems: string[] = [];
  let hidden: string | undefined;
  const replaced = text.replace(/\$\$\{|\$\{([^}]*)\}?/g, (whole, inner: string | undefined) => {
    if (whole === '$${') return '${';
    const value = lookUp(whole.endsWith('}') ? (inner ?? '') : '', around);
    if ('problem' in value) {
      problems.push(value.problem);
      return '';
    }
    if (value.hidden !== undefined) hidden = hidden === undefined ? value.hidden : 'secrets';
    return value.text;
  });
  if (problems.length > 0) return { problem: problems.join('; ') };
  return hidden === undefined ? { text: replaced } : { text: replaced, hidden };
}

function lookUp(inner: string, around: Surroundings): Substituted {
  const separator = inner.indexOf(':');
  const name = inner.slice(separator + 1);
  switch (separator < 0 || name === '' ? '' : inner.slice(0, separator)) {
    case 'secret':
      return secret(name, around);
    case 'file': {
      const file = readOr(around.standIns, resolve(around.folder, name), TEXT_BYTES_MAX);
      if ('problem' in file) return { problem: `expected the file ${name}, got ${file.problem}` };
      return { text: file.text, hidden: `the text of ${basename(name)}` };
    }
    case 'env':
      if (!around.environment)
        return { problem: `expected environment: true at the top of the file, which allows \${env:${name}}` };
      if (process.env[name] === undefined) return { problem: `expected the environment variable ${name}, got nothing` };
      return { text: process.env[name], hidden: `the environment variable ${name}` };
    default:
      return {
        problem: `expected \${secret:NAME}, \${file:PATH} or \${env:NAME}, got \${${inner}}; write $\${ for a plain \${`,
      };
  }
}

function secret(name: string, around: Surroundings): Substituted {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name)) {
    return { problem: `expected a secret's name of letters, digits and . _ -, got ${JSON.stringify(name)}` };
  }
  if (around.standIns) return { text: around.standIns.secret(name), hidden: 'a secret' };
  const credentials = process.env.CREDENTIALS_DIRECTORY;
  let problem = '';
  // systemd names what it loads from a folder FOLDER_FILE: LoadCredential=secrets:/etc/iovpipe/secrets
  const given = credentials ? [join(credentials, name), join(credentials, `secrets_${name}`)] : [];
  for (const path of [...given, join(around.root, 'secrets', name)]) {
    const file = readBounded(path, SECRET_BYTES_MAX);
    if ('text' in file) {
      const text = file.text.replace(/\r?\n$/, '');
      return text === '' ? { problem: `expected the secret ${name}, got an empty file` } : { text, hidden: 'a secret' };
    }
    problem = file.problem;
  }
  const places = credentials ? '$CREDENTIALS_DIRECTORY, then secrets/' : 'secrets/ beside the pipeline file';
  return { problem: `expected the secret ${name} in ${places}, got ${problem}` };
}

/** What stands in for a file, or the file. */
export function readOr(standIns: StandIns | undefined, path: string, bytesMax: number) {
  const text = standIns?.file(path);
  return text === undefined ? readBounded(path, bytesMax) : { text };
}

/** Reads a regular file of UTF-8 up to a bound, or says in a few words why not. */
export function readBounded(path: string, bytesMax: number): { text: string } | { problem: string } {
  let descriptor: number | undefined;
  try {
    // Without blocking, since opening a named pipe would wait for its writer for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return { problem: 'something that is not a file' };
    if (stat.size > bytesMax) return { problem: `${stat.size} bytes, more than ${bytesMax}` };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(descriptor)) };
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { problem: 'nothing: there is no such file' };
    if (code === 'EACCES' || code === 'EPERM') return { problem: 'no permission to read it' };
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return { problem: 'bytes that are not UTF-8' };
    return { problem: `an error: ${code ?? String(thrown)}` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
