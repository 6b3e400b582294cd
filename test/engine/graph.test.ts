import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse as parseDot } from '@ts-graphviz/ast';
import { SaxesParser } from 'saxes';
import t from 'tap';
import { drawDot } from '../../engine/drawDot.js';
import { drawMermaid } from '../../engine/drawMermaid.js';
import { drawSvg } from '../../engine/drawSvg.js';
import { Faults } from '../../engine/fault.js';
import { type Graph, graphOf } from '../../engine/graph.js';
import { load } from '../../engine/load.js';
import { iovpipe } from '../support/cli.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const shipped = (name: string) => graphOf(load(join(ROOT, name), new Faults())?.value);

/** What would break a drawing: quotes, brackets, markup, a line break, Chinese. */
const HOSTILE = 'a"]\\ <b>&\n#汉';
const hostile = graphOf({
  connections: { bus: { kafka: { brokers: [HOSTILE] } } },
  pipelines: {
    p: {
      source: { file: { path: HOSTILE } },
      operators: [{ map: {} }],
      sink: { kafka: { on: 'bus', topic: HOSTILE } },
    },
  },
});
const GRAPHS: readonly (readonly [string, Graph])[] = [
  ...['pipeline.yaml', 'pipelines/oem.yaml', 'pipelines/regulator.yaml', 'pipelines/backfill.yaml'].map(
    (name) => [name, shipped(name)] as const,
  ),
  ['hostile words', hostile],
  ['no pipeline', graphOf({})],
];

/** Names of pipelines that take what this one leaves somewhere. */
function fedBy({ edges }: Graph, name: string): string[] {
  const owner = (id: string) => id.slice(0, id.indexOf('/'));
  const places = edges.filter(({ from, kind }) => kind === 'place' && owner(from) === name).map(({ to }) => to);
  return [...new Set(edges.filter(({ from }) => places.includes(from)).map(({ to }) => owner(to)))];
}

t.test('the graph says what feeds what, through the archive, due files and folders', async (t) => {
  const graph = shipped('pipeline.yaml');
  t.strictSame(fedBy(graph, 'vehicles-in'), ['vehicles-daily', 'vehicles-monthly', 'vehicles-full']);
  t.strictSame(fedBy(graph, 'pictures-in'), ['contracts-in', 'pictures-out'], 'a folder below a folder that is filled');
  t.ok(fedBy(graph, 'accounts-in').includes('pictures-out'), 'pictures that are due');
  t.ok(fedBy(graph, 'commands-in').includes('contracts-asked'));
  t.strictSame(fedBy(graph, 'accounts-daily'), [], 'what leaves for the regulator feeds none');
  t.match(
    graph.pipelines.find(({ name }) => name === 'accounts-daily'),
    { schedule: '0 0 * * *, by 05:00' },
  );
});

t.test('a topic leads from the pipeline that writes it to those that read it', async (t) => {
  const graph = graphOf({
    pipelines: {
      a: { source: { file: {} }, sink: { kafka: { topic: 'x' } } },
      b: { source: { kafka: { topics: ['x', 'y'] } }, sink: { discard: {} } },
    },
  });
  t.strictSame(fedBy(graph, 'a'), ['b']);
});

for (const [name, graph] of GRAPHS) {
  t.test(`${name}: the SVG is well-formed, and holds every pipeline and component`, async (t) => {
    const svg = drawSvg(graph);
    const parser = new SaxesParser({ xmlns: true });
    const texts: string[] = [];
    let rects = 0;
    parser.on('error', (error) => t.fail(error.message));
    parser.on('text', (text) => texts.push(text));
    parser.on('opentag', ({ name: tag }) => {
      if (tag === 'rect') rects += 1;
    });
    parser.write(svg).close();
    t.equal(rects, graph.pipelines.flatMap(({ nodes }) => nodes).length);
    for (const { name: pipeline } of graph.pipelines) t.ok(texts.includes(pipeline), pipeline);
    t.notMatch(svg, /NaN|undefined|Infinity/);
    t.equal(drawSvg(graph), svg, 'and is the same each time');
  });

  t.test(`${name}: Graphviz can read the dot`, async (t) => {
    t.equal(parseDot(drawDot(graph)).children.length, 1);
  });

  t.test(`${name}: each line of the mermaid is one of a flowchart, and every node of an edge is there`, async (t) => {
    const [first, ...lines] = drawMermaid(graph).trimEnd().split('\n');
    t.equal(first, 'flowchart LR');
    const defined = new Set<string>();
    for (const line of lines) {
      const node = /^ +(n\d+)(\(\["[^"]*"\]\)|\["[^"]*"\]|\[\["[^"]*"\]\]|\[\("[^"]*"\)\]|\{\{"[^"]*"\}\})$/.exec(
        line,
      )?.[1];
      const edge = /^ {2}(n\d+) (?:-->|-\.->) (n\d+)$/.exec(line);
      if (node) defined.add(node);
      else if (edge) t.ok(defined.has(edge[1] ?? '') && defined.has(edge[2] ?? ''), line);
      else t.match(line, /^ {2}(subgraph p\d+\["[^"]*"\]|end)$/);
    }
    t.equal(defined.size, graph.nodes.length);
  });
}

t.test('the checks have teeth', async (t) => {
  t.throws(() => parseDot(drawDot(hostile).replace('\\"', '"')));
  const parser = new SaxesParser();
  let broken = false;
  parser.on('error', () => {
    broken = true;
  });
  parser.write(drawSvg(hostile).replace('&#38;', '&')).close();
  t.ok(broken);
});

t.test('the page before the drawing: no secret is in it, and none is needed', async (t) => {
  const pipeline = readFileSync(join(ROOT, 'pipeline.yaml'), 'utf8');
  const folder = t.testdir({ 'pipeline.yaml': pipeline, secrets: { 'sftp.key': 'VERY-SECRET' } });
  for (const format of ['mermaid', 'dot', 'svg']) {
    const { code, stdout } = await iovpipe(['graph', '--format', format], folder);
    t.equal(code, 0, format);
    t.notMatch(stdout, 'VERY-SECRET');
  }
  t.equal((await iovpipe(['graph', '--format', 'png'], folder)).code, 64);
  t.match(JSON.parse((await iovpipe(['graph', '--json'], folder)).stdout), {
    pipelines: Array,
    nodes: Array,
    edges: Array,
  });
  const { code, stderr } = await iovpipe(['graph', 'none.yaml'], folder);
  t.equal(code, 1);
  t.match(stderr, 'none.yaml:1:1 expected a pipeline file');
});
