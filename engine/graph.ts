/** What a box stands for. `place`: what pipelines leave for one another, or for others. */
export type NodeKind = 'source' | 'operator' | 'sink' | 'place' | 'connection';

export interface GraphNode {
  id: string;
  kind: NodeKind;
  /** The component's name, or what the place is called. */
  label: string;
  /** What tells it apart, in few words: `table 8`, `KH day`. Never a secret. */
  detail: string;
}

export interface GraphEdge {
  from: string;
  to: string;
  /** `chain`: items pass from one component to the next. `place`: what is left at a place, and taken from it. */
  kind: 'chain' | 'place';
}

export interface GraphPipeline {
  name: string;
  /** `0 0 * * *, by 05:00`, `manual`; empty where it runs all the time. */
  schedule: string;
  /** Source, operators, sink. */
  nodes: readonly string[];
}

/** All pipelines of a file, and what leads from one to another: the archive, due files, topics, folders, connections. */
export interface Graph {
  pipelines: readonly GraphPipeline[];
  nodes: readonly GraphNode[];
  edges: readonly GraphEdge[];
}

type Mapping = { readonly [key: string]: unknown };
type Part = { role: 'source' | 'operator' | 'sink'; name: string; options: Mapping };
/** Where a component takes something from, and where it leaves it, beside the chain. */
interface Places {
  reads: readonly string[];
  writes: readonly string[];
}

/**
 * Makes the graph of a pipeline file as it is written, also of one that has faults or whose secrets are not there.
 * @param config the plain data of the file
 */
export function graphOf(config: unknown): Graph {
  const connections = mappingOf(mappingOf(config).connections);
  const written = Object.entries(mappingOf(mappingOf(config).pipelines)).map(([name, value]) => {
    return { name, schedule: scheduleOf(mappingOf(value).schedule), parts: partsOf(mappingOf(value)) };
  });
  const folders = written
    .flatMap(({ parts }) => parts.flatMap((part) => placesOf(part, connections).writes))
    .filter(isFolder);
  const nodes = new Map<string, GraphNode>();
  const edges: GraphEdge[] = [];
  const pipelines = written.map(({ name, schedule, parts }) => {
    const ids = parts.map(({ role, name: label, options }, index) => {
      const id = `${name}/${index}`;
      nodes.set(id, { id, kind: role, label, detail: detailOf(options) });
      if (index > 0) edges.push({ from: `${name}/${index - 1}`, to: id, kind: 'chain' });
      return id;
    });
    for (const [index, part] of parts.entries()) {
      const { reads, writes } = placesOf(part, connections);
      const id = `${name}/${index}`;
      for (const read of reads) edges.push({ from: placeId(nearest(read, folders)), to: id, kind: 'place' });
      for (const write of writes) edges.push({ from: id, to: placeId(write), kind: 'place' });
    }
    return { name, schedule, nodes: ids };
  });
  for (const id of edges.flatMap(({ from, to }) => [from, to])) {
    if (!nodes.has(id)) nodes.set(id, placeNode(id));
  }
  return { pipelines, nodes: [...nodes.values()], edges };
}

function partsOf(pipeline: Mapping): Part[] {
  const operators = Array.isArray(pipeline.operators) ? pipeline.operators : [];
  return [
    partOf('source', pipeline.source),
    ...operators.map((operator) => partOf('operator', operator)),
    partOf('sink', pipeline.sink),
  ];
}

function partOf(role: Part['role'], value: unknown): Part {
  const [name = '?', options] = Object.entries(mappingOf(value))[0] ?? [];
  return { role, name, options: mappingOf(options) };
}

/** The one list of what components leave for others beside the chain. */
function placesOf({ role, name, options }: Part, connections: Mapping): Places {
  const { kind, file, directory, path, url, topic, topics } = options;
  const on = typeof options.on === 'string' ? [connectionPlace(options.on, connections)] : [];
  const places = (reads: readonly unknown[], writes: readonly unknown[] = []): Places => ({
    reads: texts(reads),
    writes: texts(writes),
  });
  switch (`${role} ${name}`) {
    case 'source archive':
      return places([`archive ${kind}`]);
    case 'source dueFiles':
      return places([`due files ${file}`]);
    case 'source file':
      return places([`file ${path}`]);
    case 'source kafka':
      return places([...on, ...texts(Array.isArray(topics) ? topics : [topic]).map((one) => `topic ${one}`)]);
    case 'source directoryWatch':
      return places([folder(directory)]);
    case 'source sftpServer':
      return places([`listens ${options.listen}`], [folder(directory)]);
    case 'operator join':
      return places(['state by card'], ['state by card']);
    case 'operator findCard':
    case 'operator limitCards':
      return places(['state by card']);
    case 'operator expect':
      return places([], [`due files ${file}`]);
    case 'operator tie':
      return places([], [folder(directory)]);
    case 'operator collect':
      return places([options.contracts, options.photos].flatMap(picturePlaces));
    case 'sink archive':
      return places([], [`archive ${kind}`]);
    case 'sink received':
      return places([], ['archive KH', 'archive CL']);
    case 'sink kafka':
      return places([], [...on, `topic ${topic}`]);
    case 'sink directory':
      return places([], [folder(directory)]);
    case 'sink https':
      return places([], [`peer ${hostOf(url)}`]);
    default:
      return role === 'source' ? places(on) : places([], on);
  }
}

function picturePlaces(places: unknown): unknown[] {
  if (!Array.isArray(places)) return [];
  return places
    .map(mappingOf)
    .map(({ directory, path, albums, url }) =>
      url === undefined ? folder(directory ?? albums ?? path) : `peer ${hostOf(url)}`,
    );
}

/** `var/pictures/{iccid}` is in `var/pictures`. */
function folder(pattern: unknown): string | undefined {
  if (typeof pattern !== 'string') return undefined;
  const open = pattern.indexOf('{');
  const fixed = open < 0 ? pattern : pattern.slice(0, Math.max(0, pattern.lastIndexOf('/', open)));
  return `folder ${fixed.replace(/(.)\/$/, '$1') || '.'}`;
}

const isFolder = (place: string) => place.startsWith('folder ');

/** The folder that somebody fills and this one lies in, or this one. */
function nearest(place: string, filled: readonly string[]): string {
  if (!isFolder(place)) return place;
  return filled.find((other) => place === other || place.startsWith(`${other}/`)) ?? place;
}

function connectionPlace(name: string, connections: Mapping): string {
  const [kind, options] = Object.entries(mappingOf(connections[name]))[0] ?? [];
  const { listen, host, brokers } = mappingOf(options);
  const where = listen ?? host ?? (Array.isArray(brokers) ? brokers[0] : brokers);
  return `connection ${name}${kind === undefined ? '' : ` (${[kind, where].filter((text) => typeof text === 'string').join(' ')})`}`;
}

const placeId = (place: string) => `:${place}`;

function placeNode(id: string): GraphNode {
  const label = id.slice(1);
  return {
    id,
    kind: label.startsWith('connection ') ? 'connection' : 'place',
    label: label.replace(/^connection /, ''),
    detail: '',
  };
}

/** The options that tell components of a name apart. */
function detailOf({ table, kind, window, file, path, field, peer, request }: Mapping): string {
  const words = [table ?? request, kind, window, file, path, field, peer].filter(
    (value) => typeof value === 'string' || typeof value === 'number',
  );
  const numbered = typeof (table ?? request) === 'number' ? [`table ${words[0]}`, ...words.slice(1)] : words;
  return numbered.join(' ');
}

function scheduleOf(schedule: unknown): string {
  if (typeof schedule === 'string') return schedule;
  const { at, finishBy } = mappingOf(schedule);
  return [...texts([at]), ...texts([finishBy]).map((time) => `by ${time}`)].join(', ');
}

function hostOf(url: unknown): string {
  return typeof url === 'string' ? (/^[a-z]+:\/\/(?:[^/@]*@)?([^/{]+)/.exec(url)?.[1] ?? url) : '?';
}

const texts = (values: readonly unknown[]): string[] => values.filter((value) => typeof value === 'string');

function mappingOf(value: unknown): Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mapping) : {};
}
