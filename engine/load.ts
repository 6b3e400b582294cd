import { dirname, extname, isAbsolute, join, resolve } from 'node:path';
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type Scalar,
  type ScalarTag,
  type YAMLError,
} from 'yaml';
import type { Faults } from './fault.js';
import { type Located, type Mark, type Path, SourceText } from './located.js';
import { readBounded, readOr, type StandIns, substitute } from './substitute.js';

/** Bounds of a configuration, far above any that a person writes. */
const FILE_BYTES_MAX = 1024 * 1024;
const VALUES_MAX = 50_000;
const DEPTH_MAX = 64;
const INCLUDE_DEPTH_MAX = 4;

const INCLUDED = new Set(['.yaml', '.yml', '.json']);
const NOWHERE: ReadonlyMap<string, Located> = new Map();

/** `100_000_000`: YAML 1.2 has no digit groups, people have. */
const groupedInteger: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[1-9][0-9]{0,2}(?:_[0-9]{3})+$/,
  resolve: (text) => Number(text.replaceAll('_', '')),
};

interface Loading {
  faults: Faults;
  /** The folder of the pipeline file: secrets are looked up beside it. */
  root: string;
  /** Whether `${env:…}` is allowed; known once the top of the pipeline file has been read. */
  environment: boolean;
  values: number;
  standIns: StandIns | undefined;
}

/**
 * Reads a pipeline file and what it includes into plain data with positions. YAML 1.2, one document, each key once.
 * `${secret:…}`, `${file:…}` and, where `environment: true` stands at the top, `${env:…}` are replaced.
 * @param path as people gave it, relative to the working directory
 * @returns undefined where nothing can be made of the file; `faults` says why
 */
export function load(path: string, faults: Faults, standIns?: StandIns): Located | undefined {
  const loading: Loading = { faults, root: dirname(resolve(path)), environment: false, values: 0, standIns };
  const file = readBounded(resolve(path), FILE_BYTES_MAX);
  if ('problem' in file) {
    faults.add(
      { source: new SourceText(path, ''), start: 0, end: 0 },
      [],
      `expected a pipeline file, got ${file.problem}`,
    );
    return undefined;
  }
  return new Reader(loading, path, file.text, []).read([]);
}

/** One YAML file on its way to plain data. */
class Reader {
  readonly #source: SourceText;
  readonly #document: Document;

  constructor(
    readonly loading: Loading,
    name: string,
    text: string,
    /** The files that lead here, by `${file:…}`. */
    readonly includedFrom: readonly string[],
  ) {
    this.#source = new SourceText(name, text);
    this.#document = parseDocument(text, {
      version: '1.2',
      customTags: [groupedInteger],
      uniqueKeys: (one, other) => isScalar(one) && isScalar(other) && spelling(one) === spelling(other),
      prettyErrors: false,
    });
  }

  read(path: Path): Located | undefined {
    const problems = [...this.#document.errors, ...this.#document.warnings];
    // One slip in the syntax makes many: only the first is worth reading.
    const slip = problems.find(({ code }) => code !== 'DUPLICATE_KEY');
    for (const problem of problems) {
      if (problem.code !== 'DUPLICATE_KEY' && problem !== slip) continue;
      const start = problem.pos[0];
      const word = /^[^\s:,{}[\]]*/.exec(this.#source.text.slice(start))?.[0] ?? '';
      this.loading.faults.add(
        this.#mark(start, start + word.length),
        path,
        yamlProblem(problem, this.#source.text, word),
      );
    }
    if (this.#document.errors.length > 0) return undefined;
    if (path.length === 0) this.loading.environment = this.#document.get('environment') === true;
    const contents = this.#document.contents as Node | null;
    return contents ? this.#locate(contents, path, undefined) : this.#plain(null, this.#mark(0, 0));
  }

  #locate(node: Node | null, path: Path, key: Mark | undefined): Located {
    const mark = node?.range ? this.#mark(node.range[0], node.range[1]) : (key ?? this.#mark(0, 0));
    this.loading.values += 1;
    if (path.length > DEPTH_MAX || this.loading.values > VALUES_MAX) {
      if (this.loading.values <= VALUES_MAX + 1) {
        this.loading.faults.add(mark, path, `expected at most ${VALUES_MAX} values, ${DEPTH_MAX} deep, got more`);
      }
      return this.#broken(mark, key);
    }
    if (isAlias(node)) return this.#alias(node, path, mark, key);
    if (isMap(node)) return this.#mapping(node.items as { key: unknown; value: unknown }[], path, mark, key);
    if (isSeq(node)) {
      const children = new Map(
        node.items.map((item, at) => [String(at), this.#locate(item as Node, [...path, String(at)], undefined)]),
      );
      return { value: [...children.values()].map((child) => child.value), mark, ...(key && { key }), children };
    }
    const value = isScalar(node) ? node.value : null;
    return typeof value === 'string' ? this.#text(value, path, mark, key) : this.#plain(value, mark, key);
  }

  #alias(alias: Alias, path: Path, mark: Mark, key: Mark | undefined): Located {
    const target = alias.resolve(this.#document);
    const isWithin = target?.range && target.range[0] <= mark.start && mark.start < target.range[2];
    if (target && !isWithin) return this.#locate(target, path, key);
    this.loading.faults.add(mark, path, `expected the name of an anchor before it, got *${alias.source}`);
    return this.#broken(mark, key);
  }

  #mapping(items: readonly { key: unknown; value: unknown }[], path: Path, mark: Mark, key: Mark | undefined): Located {
    const children = new Map<string, Located>();
    const value: { [key: string]: unknown } = {};
    for (const item of items) {
      const keyNode = item.key as Node | null;
      const keyMark = keyNode?.range ? this.#mark(keyNode.range[0], keyNode.range[1]) : mark;
      const name = isScalar(keyNode) ? spelling(keyNode) : undefined;
      if (name === undefined || name === '__proto__') {
        this.loading.faults.add(keyMark, path, 'expected a plain word as key, got something else');
        continue;
      }
      const child = this.#locate(item.value as Node | null, [...path, name], keyMark);
      children.set(name, child);
      value[name] = child.value;
    }
    return { value, mark, ...(key && { key }), children };
  }

  #text(text: string, path: Path, mark: Mark, key: Mark | undefined): Located {
    const included = /^\$\{file:([^}]+)\}$/.exec(text)?.[1];
    if (included !== undefined && INCLUDED.has(extname(included))) return this.#include(included, path, mark, key);
    const done = substitute(text, {
      folder: dirname(resolve(this.#source.name)),
      root: this.loading.root,
      environment: this.loading.environment,
      standIns: this.loading.standIns,
    });
    if ('problem' in done) {
      this.loading.faults.add(mark, path, done.problem);
      return this.#broken(mark, key);
    }
    return { ...this.#plain(done.text, mark, key), ...(done.hidden !== undefined && { hidden: done.hidden }) };
  }

  #include(included: string, path: Path, mark: Mark, key: Mark | undefined): Located {
    const name = isAbsolute(included) ? included : join(dirname(this.#source.name), included);
    const before = [...this.includedFrom, resolve(this.#source.name)];
    const file = readOr(this.loading.standIns, resolve(name), FILE_BYTES_MAX);
    const problem =
      'problem' in file
        ? file.problem
        : before.includes(resolve(name))
          ? 'a file that includes itself'
          : before.length > INCLUDE_DEPTH_MAX
            ? `an inclusion more than ${INCLUDE_DEPTH_MAX} deep`
            : undefined;
    if (problem !== undefined || 'problem' in file) {
      this.loading.faults.add(mark, path, `expected the file ${name}, got ${problem}`);
      return this.#broken(mark, key);
    }
    const located = new Reader(this.loading, name, file.text, before).read(path);
    return located ? { ...located, ...(key && { key }) } : this.#broken(mark, key);
  }

  #plain(value: unknown, mark: Mark, key?: Mark): Located {
    return { value, mark, ...(key && { key }), children: NOWHERE };
  }

  #broken(mark: Mark, key?: Mark): Located {
    return { ...this.#plain(null, mark, key), broken: true };
  }

  #mark(start: number, end: number): Mark {
    return { source: this.#source, start, end: Math.max(end, start) };
  }
}

/** A key keeps its own spelling: `0001` is a code, not the number 1. */
const spelling = ({ source, value }: Scalar): string => String(source ?? value);

/** What the parser says, in our words where its own would not help. */
function yamlProblem({ code, message, pos: [start] }: YAMLError, text: string, word: string): string {
  const closing = /and end with a (.)$/.exec(message)?.[1];
  const got = start >= text.trimEnd().length ? 'the end of the file' : JSON.stringify(word || text[start]);
  if (text[start] === '{' && text[start - 1] === '$') return `expected quotes around "\${…}" within { }, got none`;
  if (closing !== undefined) return `expected ${closing} before this, got ${got}`;
  switch (code) {
    case 'DUPLICATE_KEY':
      return `expected each key once, got ${got} again`;
    case 'MULTIPLE_DOCS':
      return 'expected one YAML document, got a second one after ---';
    case 'TAB_AS_INDENT':
      return 'expected spaces as indentation, got a tab';
    default:
      return `expected sound YAML, got ${got}: ${message}`;
  }
}
