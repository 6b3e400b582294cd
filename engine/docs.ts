import type { ComponentSpec } from '../contract/component.js';
import { expectation, type JsonSchema, jsonSchema } from './jsonSchema.js';
import { ROLES, type Role } from './registry.js';
import { shapeWords } from './shapes.js';

const TITLES: Readonly<Record<Role, string>> = {
  source: 'Sources',
  operator: 'Operators',
  sink: 'Sinks',
  connection: 'Connections',
};

/** Names and summaries, by role, for a terminal. */
export function componentTable(components: readonly ComponentSpec[]): string {
  const width = Math.max(...components.map((spec) => spec.name.length));
  const rows = (role: Role) =>
    components.filter((spec) => spec.role === role).map((spec) => `  ${spec.name.padEnd(width)}  ${spec.summary}`);
  return ROLES.map((role) => [TITLES[role], ...rows(role), ''].join('\n')).join('\n');
}

/** Where the pages of a role stand: `components/sources/kafka.md`. */
export const FOLDERS: Readonly<Record<Role, string>> = {
  source: 'sources',
  operator: 'operators',
  sink: 'sinks',
  connection: 'connections',
};

/** Names and summaries by role, each with its page. */
export function componentsIndex(components: readonly ComponentSpec[]): string {
  const parts = ROLES.map((role) => {
    const rows = components
      .filter((spec) => spec.role === role)
      .map(({ name, summary }) => `| [${name}](components/${FOLDERS[role]}/${name}.md) | ${summary} |`);
    return `## ${TITLES[role]}\n| name | does |\n|---|---|\n${rows.join('\n')}`;
  });
  return ['# Components', ...parts].join('\n\n');
}

/** Every component on one page, for `iovpipe list --markdown`. */
export function componentsPage(components: readonly ComponentSpec[]): string {
  return ROLES.flatMap((role) => [
    `# ${TITLES[role]}`,
    ...components.filter((spec) => spec.role === role).map((spec) => componentDocs(spec).replace(/^#/gm, '##')),
  ]).join('\n\n');
}

/** A component's page, in markdown that reads well in a terminal too. */
export function componentDocs(spec: ComponentSpec): string {
  const schema = jsonSchema(spec.options);
  const parts = [`# ${spec.name} (${spec.role})`, spec.summary];
  if (spec.description) parts.push(spec.description);
  parts.push(facts(spec));
  const options = optionLines(schema, 0);
  parts.push(options.length === 0 ? 'It has no options.' : `## Options of ${spec.name}\n${options.join('\n')}`);
  for (const { title, yaml } of spec.examples)
    parts.push(`Example: ${title}\n\`\`\`yaml\n${indent(spec, yaml)}\n\`\`\``);
  return `${parts.join('\n\n')}\n`;
}

function facts(spec: ComponentSpec): string {
  const lines: string[] = [];
  if (spec.role === 'operator' || spec.role === 'sink') lines.push(`- takes: ${shapeWords(spec.takes)}`);
  if (spec.role === 'source') {
    const lasts = `${LASTS[spec.lasts]}${spec.lastsFor ? ', unless an option says otherwise' : ''}`;
    lines.push(`- gives: ${shapeWords([spec.gives])}`, `- lasts: ${lasts}`);
  }
  if (spec.role === 'operator')
    lines.push(`- gives: ${spec.gives === 'same' ? 'what it takes' : shapeWords([spec.gives])}`);
  if (spec.sections) lines.push(`- notice: ${spec.sections.join(', ')}`);
  return lines.length === 0 ? '- shared by pipelines, opened once a process' : lines.join('\n');
}

const LASTS = {
  run: 'until it is stopped',
  window: 'one window at each turn of the schedule',
  finite: 'until everything is read',
} as const;

/** One entry an option; options within an option are indented below it. */
function optionLines(schema: JsonSchema, depth: number): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, option]) => {
    const inner = option.type === 'array' && option.items ? option.items : option;
    const nested = inner.properties ? optionLines(inner, depth + 1) : [];
    const kind = inner.properties
      ? option.type === 'array'
        ? 'a list of mappings'
        : 'a mapping'
      : expectation(option);
    const words = [kind, usual(name, option, schema)].filter(Boolean).join('; ');
    return [`${'  '.repeat(depth)}- \`${name}\` (${words}): ${option.description ?? ''}`.trimEnd(), ...nested];
  });
}

function usual(name: string, option: JsonSchema, parent: JsonSchema): string {
  if (option.default !== undefined) return `default ${JSON.stringify(option.default)}`;
  return parent.required?.includes(name) ? 'required' : 'optional';
}

/** The options below their component, as they stand in a pipeline file. */
function indent(spec: ComponentSpec, yaml: string): string {
  const lines = yaml.trim().split('\n');
  const body = lines.map((line) => `    ${line}`.trimEnd()).join('\n');
  if (yaml.trim() === '' || yaml.trim() === '{}')
    return spec.role === 'operator' ? `- ${spec.name}: {}` : `${spec.name}: {}`;
  return spec.role === 'operator' ? `- ${spec.name}:\n${body}` : `${spec.name}:\n${body.replace(/^ {4}/gm, '  ')}`;
}
