import { mkdirSync } from 'node:fs';
import { parse } from 'yaml';
import { type Agreed, agree } from '../../demo/agreed.js';
import { maker, operator, type RoleSite, regulator } from '../../demo/roles.js';
import { writeSite } from '../../demo/site.js';

/** A role's folder, to be run by a process of its own. */
export interface RoleFolder {
  folder: string;
  /** Of its pipeline file. */
  path: string;
}

export interface ThreeRoles {
  agreed: Agreed;
  regulator: RoleFolder;
  operator: RoleFolder;
  maker: RoleFolder;
}

/** A component by its name, with its options: `{ sftp: { … } }`. */
type Part = Record<string, object | null>;
type Options = Readonly<Record<string, unknown>>;

interface PipelineFile {
  connections?: Record<string, Part>;
  pipelines: Record<string, { source: Part; operators?: Part[]; sink: Part }>;
}

/**
 * Car maker, operator and regulator as the demo has them, each in a folder of its own with the shipped pipeline file: only the
 * addresses are others.
 * @param more what else differs, by the pipeline whose sink it is
 */
export async function threeRoles(
  given: { folder: string; makers: readonly string[] },
  more: Readonly<Record<string, Options>> = {},
): Promise<ThreeRoles> {
  const agreed = await agree({ ...given, bytesMax: 100_000_000 });
  const written = (role: RoleSite) => writeRole(role, more);
  return {
    agreed,
    regulator: written(regulator(agreed)),
    operator: written(operator(agreed)),
    maker: written(maker(agreed)),
  };
}

/** What `relocate` does to a configuration in memory, done to the file. */
function writeRole({ site, changes }: RoleSite, more: Readonly<Record<string, Options>>): RoleFolder {
  const { connections = {}, components = {}, sinks = {} } = changes;
  const file = parse(site.pipeline.replace(/(\d)_(?=\d{3})/g, '$1')) as PipelineFile;
  for (const [name, part] of Object.entries(file.connections ?? {})) change(part, () => connections[name]);
  for (const [name, { source, operators = [], sink }] of Object.entries(file.pipelines)) {
    for (const part of [source, ...operators]) change(part, (component) => components[component]);
    change(sink, () => ({ ...sinks[name], ...more[name] }));
  }
  mkdirSync(site.folder, { recursive: true });
  return { folder: site.folder, path: writeSite({ ...site, pipeline: JSON.stringify(file, undefined, 2) }) };
}

function change(part: Part, by: (component: string) => Options | undefined): void {
  for (const [component, options] of Object.entries(part)) part[component] = { ...options, ...by(component) };
}
